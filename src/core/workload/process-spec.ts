/** Reads what a process runs, whether it comes from an entry of the file or from a custom resource. */
import type { MapReader } from '../document/map-reader.ts';
import { readCommonSpec } from './base-spec.ts';
import type { ProcessSpec, RestartPolicy } from './model.ts';
import { PROCESS_FIELDS } from './spec-fields.ts';

const RESTART_POLICIES: readonly RestartPolicy[] = PROCESS_FIELDS.restartPolicy.oneOf;

/** Reads the fields of a process beside its name and namespace. Undefined without an image. */
export function readProcessSpec(reader: MapReader): ProcessSpec | undefined {
  const common = readCommonSpec(reader);
  const restartPolicy = readRestartPolicy(reader);
  const maxRestarts = reader.integer('maxRestarts') ?? PROCESS_FIELDS.maxRestarts.default;
  if (common === undefined) return undefined;
  return {
    ...common,
    restartPolicy,
    maxRestarts: maxRestarts > 0 ? maxRestarts : PROCESS_FIELDS.maxRestarts.default,
  };
}

function readRestartPolicy(reader: MapReader): RestartPolicy {
  const text = reader.text('restartPolicy');
  const fallback = PROCESS_FIELDS.restartPolicy.default;
  if (text === undefined) return fallback;
  const policy = RESTART_POLICIES.find((candidate) => candidate === text);
  if (policy !== undefined) return policy;
  const hint = `use one of ${RESTART_POLICIES.join(', ')}`;
  reader.problem('restartPolicy', 'InvalidValue', `${JSON.stringify(text)} is not a restart policy`, hint);
  return fallback;
}
