/** Every record in which somebody asks for something: entries of the control ConfigMap, annotations of custom resources. */
import { pauseEntry, recordOfEntry, requestEntry, type AskedRecord } from '../core/control/entries.ts';
import { parseKey } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { Controls } from './controls.ts';
import type { Sources } from './sources.ts';

/** In no order. */
export function listAsked(
  controls: Pick<Controls, 'map'>,
  sources: Pick<Sources, 'keys' | 'resource'>,
  tenant: string,
): readonly AskedRecord[] {
  const records: AskedRecord[] = [];
  for (const [entry, text] of Object.entries(controls.map?.data ?? {})) {
    const record = recordOfEntry(entry, text, tenant);
    if (record !== undefined) records.push(record);
  }
  for (const name of sources.keys()) {
    const annotations = sources.resource(name)?.object.metadata.annotations ?? {};
    const key = parseKey(name);
    if (key === undefined) continue;
    for (const [is, entry, text] of [
      ['pause', pauseEntry(key), annotations[ANNOTATION.paused]],
      ['request', requestEntry(key), annotations[ANNOTATION.request]],
    ] as const)
      if (text !== undefined)
        records.push({ is, of: { is: 'workload', name }, entry, isAnnotation: true, text });
  }
  return records;
}
