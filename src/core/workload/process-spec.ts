/** Reads what a process runs, whether it comes from an entry of the file or from a custom resource. */
import type { MapReader } from '../document/map-reader.ts';
import { readCommonSpec, type SpecContext } from './base-spec.ts';
import { readChoice } from './field-reader.ts';
import { PROCESS_FIELDS } from './kind-fields.ts';
import type { ProcessSpec } from './model.ts';

/** Reads the fields of a process beside its name and namespace. Undefined without an image. */
export function readProcessSpec(reader: MapReader, context: SpecContext): ProcessSpec | undefined {
  const common = readCommonSpec(reader, context);
  const { restartPolicy: policy } = PROCESS_FIELDS;
  const restartPolicy = readChoice(reader, 'restartPolicy', policy.oneOf, policy.default);
  const maxRestarts = reader.integer('maxRestarts') ?? PROCESS_FIELDS.maxRestarts.default;
  if (common === undefined) return undefined;
  return {
    ...common,
    restartPolicy,
    maxRestarts: maxRestarts > 0 ? maxRestarts : PROCESS_FIELDS.maxRestarts.default,
  };
}
