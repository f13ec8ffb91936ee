/** Amounts of CPU and memory in the syntax of Kubernetes (k8s.io/apimachinery/pkg/api/resource). */

const SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The value of a quantity such as `100m`, `1.5`, `64Mi` or `1e3`, in its base unit (cores, bytes); undefined if the
 * text is not one, or negative. Exact enough to compare, not to calculate with.
 */
export function parseQuantity(text: string): number | undefined {
  const match = /^\+?(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, digits = '', suffix = '', exponent = '0'] = match;
  return Number(digits) * (SUFFIX[suffix] ?? 1) * 10 ** Number(exponent);
}
