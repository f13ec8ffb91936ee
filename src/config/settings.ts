/**
 * Resolves the table of settings: flag, else environment, else file, else default. Every value that is given is checked,
 * also where another one wins over it.
 */
import type { MapReader } from '../core/document/map-reader.ts';
import { asBoolean, asDuration, asInteger, quote, type Reading } from '../core/document/scalar.ts';
import type { Problem } from '../core/problem.ts';
import { formatDuration, HOUR, type Duration } from '../core/time.ts';
import type { Origin, Provenance } from './config.ts';
import { maskValue } from './mask.ts';
import { SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';

/** A longer setting is a mistake in its unit. */
const MAX_DURATION: Duration = HOUR;

type Value = string | number | boolean;

/** Where a value stands, in the terms of a problem. */
export type Location = Pick<Problem, 'path' | 'file' | 'line' | 'column'>;

interface Given {
  readonly value: Value;
  readonly origin: Origin;
  readonly location: Location;
  /** See `Provenance.from`. */
  readonly from: string;
}

/** Where values come from. */
export interface SettingSources {
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The root of the configuration file, if there is one. */
  readonly root: MapReader | undefined;
  readonly file: string;
}

/** The effective value of each setting. The root of the file is left to be finished by the caller, who reads more of it. */
export class Settings {
  readonly #given = new Map<string, Given>();
  /** Settings with a reported value, so that nothing is concluded from their absence. */
  readonly #refused = new Set<string>();
  readonly #report: (problem: Problem) => void;

  constructor(sources: SettingSources, report: (problem: Problem) => void) {
    this.#report = report;
    const sections = readSections(sources.root);
    for (const setting of SETTINGS) this.#resolve(setting, sources, sections);
    for (const [name, section] of sections) if (name !== '') section.finish();
  }

  has(key: string): boolean {
    return this.#given.has(key);
  }

  /** A flag, the environment or the file says it. */
  isGiven(key: string): boolean {
    const origin = this.#given.get(key)?.origin;
    return origin === 'flag' || origin === 'env' || origin === 'file';
  }

  /** Somebody gave a value that cannot be used, which is reported. */
  isRefused(key: string): boolean {
    return this.#refused.has(key);
  }

  /** @throws for a setting without a value. */
  text(key: string): string {
    return String(this.#valueOf(key));
  }

  /** Integers; durations in milliseconds. @throws for a setting without a value. */
  number(key: string): number {
    return Number(this.#valueOf(key));
  }

  isTrue(key: string): boolean {
    return this.#valueOf(key) === true;
  }

  /** Where the effective value stands; of a default or derived value only the key. */
  locate(key: string): Location {
    return this.#given.get(key)?.location ?? { path: key };
  }

  /** Enters a value that follows from something else, for a setting that nobody gave. */
  derive(key: string, value: Value, from: string): void {
    if (this.#given.has(key)) throw new Error(`${key} has a value`);
    this.replace(key, value, from);
  }

  /** Like `derive`, also where a default stands. */
  replace(key: string, value: Value, from: string): void {
    if (this.isGiven(key)) throw new Error(`${key} was given`);
    this.#given.set(key, {
      value,
      origin: from === '' ? 'default' : 'derived',
      location: { path: key },
      from,
    });
  }

  provenance(): readonly Provenance[] {
    return SETTINGS.map((setting) => {
      const given = this.#given.get(setting.key);
      if (given === undefined) return { key: setting.key, value: '', origin: 'default', from: '' };
      return { key: setting.key, value: show(setting, given.value), origin: given.origin, from: given.from };
    });
  }

  #valueOf(key: string): Value {
    const given = this.#given.get(key);
    if (given === undefined) throw new Error(`${key} has no value`);
    return given.value;
  }

  #resolve(setting: Setting, sources: SettingSources, sections: ReadonlyMap<string, MapReader>): void {
    const fromFlag = this.#fromText(setting, sources.flags.get(setting.flag), 'flag', setting.flag);
    const fromEnv = this.#fromText(setting, sources.env[setting.env], 'env', setting.env);
    const fromFile = this.#fromFile(setting, sources, sections);
    if (fromFlag !== undefined && fromFile !== undefined && fromFlag.value !== fromFile.value)
      this.#report({
        code: 'IgnoredValue',
        message: `${setting.flag} wins over ${setting.key} in the file; the flag was ignored by k8-highlander (Go)`,
        hint: 'give it in one place only',
        ...fromFile.location,
      });
    const given = fromFlag ?? fromEnv ?? fromFile ?? defaultOf(setting);
    if (given !== undefined) this.#given.set(setting.key, given);
  }

  /** An empty text counts as not given. */
  #fromText(
    setting: Setting,
    text: string | undefined,
    origin: 'flag' | 'env',
    name: string,
  ): Given | undefined {
    if (text === undefined || text === '') return undefined;
    const location = { path: name };
    const reading = parseText(setting, text);
    if ('fault' in reading) {
      this.#report({ ...reading.fault, ...location });
      return undefined;
    }
    return this.#accept(setting, { value: reading.value, origin, location, from: name });
  }

  #fromFile(
    setting: Setting,
    { file }: SettingSources,
    sections: ReadonlyMap<string, MapReader>,
  ): Given | undefined {
    const [section, name] = placeOf(setting, sections);
    const reader = sections.get(section);
    const value = reader === undefined ? undefined : readFrom(reader, setting, name);
    if (reader === undefined || value === undefined) return undefined;
    const at = reader.positionOf(name);
    const from = at === undefined ? file : `${file}:${at.line}`;
    return this.#accept(setting, {
      value,
      origin: 'file',
      location: { path: setting.key, file, ...at },
      from,
    });
  }

  /** Zero and less count as not given where a duration has a default. */
  #accept(setting: Setting, given: Given): Given | undefined {
    if (setting.type === 'duration' && setting.default !== undefined && Number(given.value) <= 0)
      return undefined;
    const wrong = checkValue(setting, given.value);
    if (wrong === undefined) return given;
    this.#refused.add(setting.key);
    this.#report({ code: 'InvalidValue', ...wrong, ...given.location });
    return undefined;
  }
}

/** The maps of the file that hold settings, by the part of the key before the dot. */
function readSections(root: MapReader | undefined): ReadonlyMap<string, MapReader> {
  if (root === undefined) return new Map();
  const sections = new Map([['', root]]);
  const mayBeScalar = new Set(SETTINGS.flatMap(({ key, isSection }) => (isSection ? splitKey(key)[0] : [])));
  // A section stands in the table before those within it.
  for (const section of new Set(SETTINGS.map(({ key }) => splitKey(key)[0]))) {
    const [outer, name] = splitKey(section);
    const parent = sections.get(outer);
    if (section === '' || parent === undefined) continue;
    if (mayBeScalar.has(section) && parent.kindOf(name) !== 'map') continue;
    const reader = parent.map(name);
    if (reader !== undefined) sections.set(section, reader);
  }
  return sections;
}

/** The section and the name in it; of a setting that is its section's value, the section before. */
function placeOf(
  { key, isSection }: Setting,
  sections: ReadonlyMap<string, MapReader>,
): readonly [section: string, name: string] {
  const [section, name] = splitKey(key);
  return isSection === true && !sections.has(section) ? splitKey(section) : [section, name];
}

function splitKey(key: string): readonly [section: string, name: string] {
  const dot = key.lastIndexOf('.');
  return dot < 0 ? ['', key] : [key.slice(0, dot), key.slice(dot + 1)];
}

function readFrom(reader: MapReader, { type }: Setting, name: string): Value | undefined {
  switch (type) {
    case 'string':
      return reader.text(name);
    case 'list': {
      if (reader.kindOf(name) !== 'list') return readList(reader.text(name));
      return readList(
        reader
          .texts(name)
          ?.map(({ text }) => text)
          .join(','),
      );
    }
    case 'boolean':
      return reader.boolean(name);
    case 'integer':
      return reader.integer(name);
    case 'duration':
      return reader.duration(name);
  }
}

/** Elements with commas between them and no space around; undefined for none. */
function readList(text = ''): string | undefined {
  const elements = text.split(',').map((element) => element.trim());
  return elements.filter((element) => element !== '').join(',') || undefined;
}

function parseText({ type }: Setting, text: string): Reading<Value> {
  const scalar = { kind: 'scalar', text, plain: true } as const;
  switch (type) {
    case 'string':
      return { value: text };
    case 'list':
      return { value: readList(text) ?? '' };
    case 'boolean':
      return asBoolean(scalar);
    case 'integer':
      return asInteger(scalar);
    case 'duration':
      return asDuration(scalar);
  }
}

function checkValue(
  setting: Setting,
  value: Value,
): { readonly message: string; readonly hint: string } | undefined {
  const shown = quote(maskValue(setting, String(value)));
  if (setting.type === 'string') {
    const { choices, pattern } = setting;
    if (choices !== undefined && !choices.includes(String(value)))
      return {
        message: `${shown} is not one of the possible values`,
        hint: `use one of ${choices.join(', ')}`,
      };
    if (pattern !== undefined && !pattern.regex.test(String(value)))
      return { message: `${shown} is not valid here`, hint: pattern.hint };
  }
  if (setting.type === 'list') {
    const wrong = String(value)
      .split(',')
      .find((element) => !setting.pattern.regex.test(element));
    if (wrong !== undefined)
      return { message: `${quote(wrong)} is not valid here`, hint: setting.pattern.hint };
  }
  if (setting.type === 'integer') {
    const [least, most] = setting.range;
    if (Number(value) < least || Number(value) > most)
      return { message: `${value} is out of range`, hint: `use a number from ${least} to ${most}` };
  }
  if (setting.type === 'duration' && Number(value) > MAX_DURATION)
    return {
      message: `${formatDuration(Number(value))} is too long`,
      hint: `use at most ${formatDuration(MAX_DURATION)}; an integer means seconds`,
    };
  return undefined;
}

function defaultOf(setting: Setting): Given | undefined {
  if (setting.default === undefined) return undefined;
  const reading = parseText(setting, String(setting.default));
  if ('fault' in reading) throw new Error(`the default of ${setting.key} is not valid`);
  return { value: reading.value, origin: 'default', location: { path: setting.key }, from: '' };
}

function show(setting: Setting, value: Value): string {
  if (setting.type === 'duration' && typeof value === 'number') return formatDuration(value);
  return maskValue(setting, String(value));
}
