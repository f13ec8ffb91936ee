/** Label selectors in the syntax of Kubernetes: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`; comma is "and". */

type Labels = Readonly<Record<string, string>>;

/** Whether an object with these labels is selected. */
export type LabelSelector = (labels: Labels) => boolean;

const KEY = '(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?';
const VALUE = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?';

/** Reads a selector; answers the requirement that cannot be read as `wrong`. */
export function parseLabelSelector(text: string): LabelSelector | { readonly wrong: string } {
  const parts: LabelSelector[] = [];
  for (const part of splitRequirements(text)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) return { wrong: part.trim() };
    parts.push(requirement);
  }
  return (labels) => parts.every((requirement) => requirement(labels));
}

/** At commas outside parentheses. */
function splitRequirements(text: string): readonly string[] {
  if (text.trim() === '') return [];
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (text[at] !== ',' || depth > 0) continue;
    parts.push(text.slice(start, at));
    start = at + 1;
  }
  return [...parts, text.slice(start)];
}

function parseRequirement(part: string): LabelSelector | undefined {
  const exists = new RegExp(`^(!?)\\s*(${KEY})$`).exec(part);
  if (exists !== null) {
    const [, not, key = ''] = exists;
    return (labels) => Object.hasOwn(labels, key) === (not === '');
  }
  const equals = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`).exec(part);
  if (equals !== null) {
    const [, key = '', operator, value = ''] = equals;
    // As in Kubernetes: an absent label satisfies `!=`.
    return (labels) => (valueOf(labels, key) === value) === (operator !== '!=');
  }
  const set = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`).exec(part);
  if (set === null) return undefined;
  const [, key = '', operator, list = ''] = set;
  const values = list.split(',').map((value) => value.trim());
  if (!values.every((value) => new RegExp(`^${VALUE}$`).test(value))) return undefined;
  return (labels) => {
    const value = valueOf(labels, key);
    return (value !== undefined && values.includes(value)) === (operator === 'in');
  };
}

function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
