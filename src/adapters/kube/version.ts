/** Order of resourceVersions: opaque to clients, except that versions of one resource type are ordered decimal integers (KEP-5504). */

/** True if `a` is provably older than `b`; false if it is not, or if either is not a decimal integer. */
export function isOlder(a: string | undefined, b: string | undefined): boolean {
  return isOrdered(a) && isOrdered(b) && (a.length === b.length ? a < b : a.length < b.length);
}

/** True if the version takes part in the order. */
export function isOrdered(version: string | undefined): version is string {
  return version !== undefined && /^[1-9]\d*$/.test(version);
}
