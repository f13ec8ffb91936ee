/** The rules of src/README.md that a machine can check, read from the real imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  /** Files of the repository it imports, and other module names. */
  readonly imports: readonly string[];
}

function readSources(folder: string): SourceFile[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return entries
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), 'utf8');
      const specifiers = [
        ...text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'/gm),
        ...text.matchAll(/import\(\s*'([^']+)'/g),
      ];
      const imports = specifiers.map(([, specifier = '']) =>
        specifier.startsWith('.') ? relative(root, resolve(root, dirname(path), specifier)) : specifier,
      );
      return { path, text, imports };
    });
}

const isTest = (file: SourceFile): boolean => file.path.endsWith('.test.ts');
const sources = readSources('src').filter((file) => !isTest(file));

/** The room of a file: `src/core/…` → core, `src/adapters/kube/…` → adapters/kube, `src/main.ts` → main. */
function roomOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  if (first === 'adapters' && !second.endsWith('.ts')) return `adapters/${second}`;
  return first.replace(/\.ts$/, '');
}

/** Rooms a room may import, besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ['core'],
  ports: ['core'],
  config: ['core'],
  metrics: ['core'],
  'adapters/kube': ['core', 'ports'],
  'adapters/lock': ['core', 'ports'],
  adapters: ['core', 'ports'],
  runtime: ['core', 'ports', 'config', 'metrics'],
  server: ['core', 'ports', 'api', 'runtime', 'config', 'metrics'],
  // Puts parts of every room together for one tenant, so that the entry need not: nothing but the entry may import it.
  assembly: ['core', 'ports', 'config', 'metrics', 'adapters/kube', 'adapters/lock', 'runtime', 'server'],
  cli: ['core', 'ports', 'api', 'config', 'runtime', 'adapters/kube', 'adapters/lock'],
};

describe('imports', () => {
  it('sees the sources', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.flatMap((file) => file.imports).length).toBeGreaterThan(100);
  });

  it('go in one direction', () => {
    const wrong = sources
      .filter((file) => roomOf(file.path) !== 'main')
      .flatMap((file) =>
        file.imports
          .filter((target) => target.startsWith('src/'))
          .filter((target) => {
            const [from, to] = [roomOf(file.path), roomOf(target)];
            return from !== to && !(ALLOWED[from] ?? []).includes(to);
          })
          .map((target) => `${file.path} -> ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('never reach from the product into tests, sandbox or benchmarks', () => {
    const outside = sources.flatMap((file) =>
      file.imports
        .filter((target) => /^(test|sandbox|bench|scripts)\//.test(target))
        .map((target) => `${file.path} -> ${target}`),
    );
    expect(outside).toEqual([]);
  });

  it('form no cycle', () => {
    const graph = new Map(
      sources.map((file) => [file.path, file.imports.filter((target) => target.startsWith('src/'))]),
    );
    const done = new Set<string>();
    const walk = (path: string, trail: readonly string[]): string | undefined => {
      if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' -> ');
      if (done.has(path)) return undefined;
      for (const next of graph.get(path) ?? []) {
        const cycle = walk(next, [...trail, path]);
        if (cycle !== undefined) return cycle;
      }
      done.add(path);
      return undefined;
    };
    // Type-only imports are erased, so they count here only because a cycle of types is a tangle of rooms as well.
    expect(
      [...graph.keys()].map((path) => walk(path, [])).find((cycle) => cycle !== undefined),
    ).toBeUndefined();
  });
});

it('the schemas of the API are types where the controller runs: their library is there for development alone', () => {
  const isSchema = (path: string): boolean => path.startsWith('src/api/v1/schema/');
  const valueImport = /^import (?!type\b)[^'"`;]*?from\s+'([^']+)'/gm;
  const wrong = sources
    .filter((file) => !isSchema(file.path))
    .flatMap((file) =>
      [...file.text.matchAll(valueImport)]
        .map(([, specifier = '']) => specifier)
        .filter(
          (specifier) =>
            specifier === 'typebox' || /(^|\/)schema\/(state|list|stream|value)\.ts$/.test(specifier),
        )
        .map((specifier) => `${file.path} -> ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

describe('core', () => {
  const core = sources.filter((file) => roomOf(file.path) === 'core');

  it('imports nothing but core', () => {
    const foreign = core.flatMap((file) =>
      file.imports
        .filter((target) => !target.startsWith('src/core/'))
        .map((target) => `${file.path} -> ${target}`),
    );
    expect(foreign).toEqual([]);
  });

  it('touches no clock, timer, randomness, process or console', () => {
    const impure =
      /\b(Date\.now|new Date\(\)|performance\.|setTimeout|setInterval|setImmediate|Math\.random|process\.|console\.|fetch\(|crypto\.)/;
    const found = core.filter((file) => impure.test(stripComments(file.text))).map((file) => file.path);
    expect(found).toEqual([]);
  });
});

describe('files', () => {
  const all = ['src', 'sandbox', 'test', 'bench'].flatMap(readSources);

  it('are at most 400 lines, tests at most 600', () => {
    const long = all
      .map((file) => ({
        path: file.path,
        lines: file.text.split('\n').length - 1,
        most: isTest(file) ? 600 : 400,
      }))
      .filter(({ lines, most }) => lines > most);
    expect(long).toEqual([]);
  });

  it('have a median of at most 120 lines in src', () => {
    const lines = sources.map((file) => file.text.split('\n').length - 1).toSorted((a, b) => a - b);
    expect(lines[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(120);
  });

  it('are not named for nothing', () => {
    const vague = all
      .map((file) => file.path)
      .filter((path) => /(^|\/)(utils?|helpers?|common|misc|manager)(\/|\.|-)/i.test(path));
    expect(vague).toEqual([]);
  });

  it('keep no mutable state at module level', () => {
    const mutable = sources
      .filter(
        (file) =>
          /^(export\s+)?let\s/m.test(file.text) ||
          /^(export\s+)?const\s+\w+\s*=\s*new (Map|Set|WeakMap)\(\)/m.test(file.text),
      )
      .map((file) => file.path);
    expect(mutable).toEqual([]);
  });

  it('contain no tests that do not run and no unfinished marks', () => {
    // Written so that this line is not itself a hit.
    const marks = /\b(it|test|describe)\.(skip|todo|only)\b|\b(T[O]DO|F[I]XME|X[X]X)\b/;
    expect(all.filter((file) => marks.test(file.text)).map((file) => file.path)).toEqual([]);
  });
});

function stripComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
}
