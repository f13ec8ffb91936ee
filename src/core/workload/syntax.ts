/** The grammars of names in Kubernetes (k8s.io/apimachinery/pkg/util/validation), as predicates. */

/** RFC 1123 label: namespaces, containers, volumes. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(text);
}

/** RFC 1123 subdomain: most object names. */
export function isDnsSubdomain(text: string): boolean {
  return (
    text.length <= 253 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text)
  );
}

/** What makes a DNS label or subdomain, as a hint. */
export const NAME_HINT = 'use lower-case letters, digits, - and ., beginning and ending alphanumeric';

/** A name that also serves as label value: workloads, tenants. */
export function isShortName(text: string): boolean {
  return text.length <= 63 && isDnsSubdomain(text);
}

/** RFC 6335 service name, as container ports use it: with a letter, no double hyphen. */
export function isPortName(text: string): boolean {
  return text.length <= 15 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
}

/** RFC 1035 label: what a Service may be called. */
export function isServiceName(text: string): boolean {
  return isDnsLabel(text) && /^[a-z]/.test(text);
}

export function isEnvName(text: string): boolean {
  return /^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(text) && text !== '.' && !text.startsWith('..');
}

/** `[prefix/]name`, the keys of labels and annotations. */
export function isQualifiedName(text: string): boolean {
  const [name = '', prefix, ...rest] = text.split('/').toReversed();
  if (rest.length > 0 || (prefix !== undefined && !isDnsSubdomain(prefix))) return false;
  return name.length <= 63 && /^[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?$/.test(name);
}

export function isLabelValue(text: string): boolean {
  return text.length <= 63 && /^(?:[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?)?$/.test(text);
}
