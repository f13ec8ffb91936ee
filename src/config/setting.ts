/** One setting: where it can be given, what a value must look like, and how it is described. */

interface SettingBase {
  /** Dotted path in the file. */
  readonly key: string;
  readonly env: string;
  readonly flag: string;
  /** What applies if nothing is given, where that is no constant. */
  readonly fallback?: string;
  /** One line for people, without a full stop. */
  readonly doc: string;
  /** Never shown: the whole value, or the credentials inside an address. */
  readonly secret?: 'whole' | 'credentials';
  /** In the file, the section may also be this setting's value alone: `tls: true`. */
  readonly isSection?: true;
}

/** What a value must look like, and how to say so. */
interface Pattern {
  readonly regex: Pick<RegExp, 'test'>;
  readonly hint: string;
}

export type Setting = SettingBase &
  (
    | {
        readonly type: 'string';
        readonly choices?: readonly string[];
        readonly pattern?: Pattern;
        readonly default?: string;
      }
    /** A list in the file, or one text with commas; kept as the latter. `pattern` is for each element. */
    | { readonly type: 'list'; readonly pattern: Pattern; readonly default?: string }
    | { readonly type: 'boolean'; readonly default?: boolean }
    | { readonly type: 'integer'; readonly range: readonly [number, number]; readonly default?: number }
    /** `default` in the notation of the file. */
    | { readonly type: 'duration'; readonly default?: string }
  );
