/** Reads what a service or a persistent set runs. */
import type { MapReader } from '../document/map-reader.ts';
import { readCommonSpec, type SpecContext } from './base-spec.ts';
import { readDuration, readInteger } from './field-reader.ts';
import { PERSISTENT_FIELDS, SERVICE_FIELDS } from './kind-fields.ts';
import type { HealthCheck, PersistentSpec, ServiceSpec } from './model.ts';
import { readPersistentVolumes } from './persistent-volumes.ts';
import { isServiceName } from './syntax.ts';

/** Undefined without an image. */
export function readServiceSpec(reader: MapReader, context: SpecContext): ServiceSpec | undefined {
  const common = readCommonSpec(reader, context);
  const replicas = readReplicas(reader);
  const healthCheck = readHealthCheck(reader);
  const { readinessTimeout: timeout } = SERVICE_FIELDS;
  const readinessTimeout = readDuration(reader, 'readinessTimeout', timeout) ?? timeout.default;
  if (common === undefined) return undefined;
  return { ...common, replicas, readinessTimeout, ...(healthCheck === undefined ? {} : { healthCheck }) };
}

/** Undefined without an image or a name for the Service. */
export function readPersistentSpec(reader: MapReader, context: SpecContext): PersistentSpec | undefined {
  const persistentVolumes = readPersistentVolumes(reader);
  const service = readServiceSpec(reader, { ...context, persistentVolumes });
  const serviceName = readServiceName(reader, context.key.name);
  if (service === undefined || serviceName === undefined) return undefined;
  return { ...service, serviceName, persistentVolumes };
}

/** As it is written: never more than one runs, and a file that asked for more goes on working. */
function readReplicas(reader: MapReader): number {
  const { replicas: field } = SERVICE_FIELDS;
  const replicas = readInteger(reader, 'replicas', field) ?? field.default;
  if (replicas > 1)
    reader.problem(
      'replicas',
      'ReplicasClamped',
      `${replicas} replicas are asked for, one runs`,
      'write 1, or 0 to stop it',
    );
  return replicas;
}

/** Both or none; the Go program had no probes with one of them alone either. */
function readHealthCheck(reader: MapReader): HealthCheck | undefined {
  const path = reader.text('healthCheckPath');
  const port = readInteger(reader, 'healthCheckPort', SERVICE_FIELDS.healthCheckPort) ?? 0;
  if (path !== undefined && port > 0) return { path, port };
  if (path !== undefined && !reader.has('healthCheckPort'))
    reader.problem(
      'healthCheckPath',
      'IgnoredValue',
      'healthCheckPath has no effect without healthCheckPort',
      'add healthCheckPort, or remove it',
    );
  if (path === undefined && port > 0)
    reader.problem(
      'healthCheckPort',
      'IgnoredValue',
      'healthCheckPort has no effect without healthCheckPath',
      'add healthCheckPath, or remove it',
    );
  return undefined;
}

function readServiceName(reader: MapReader, workload: string): string | undefined {
  const named = reader.text('serviceName');
  const name = named ?? workload;
  if (name === '') return undefined;
  if (isServiceName(name)) return name;
  reader.problem(
    'serviceName',
    'InvalidValue',
    `${JSON.stringify(name)} is not a name of a Service`,
    `use lower-case letters, digits and -, beginning with a letter and ending alphanumeric, at most ${PERSISTENT_FIELDS.serviceName.maxLength}`,
  );
  return undefined;
}
