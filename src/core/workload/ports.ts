/** Reads the ports of the main container. */
import type { Element, MapReader } from '../document/map-reader.ts';
import type { Port } from './model.ts';
import { PORT_FIELDS } from './spec-fields.ts';
import { isPortName } from './syntax.ts';

export function readPorts(reader: MapReader): readonly Port[] {
  const ports: Port[] = [];
  for (const element of reader.list('ports') ?? []) {
    const port = readPort(reader, element, ports);
    if (port !== undefined) ports.push(port);
  }
  return ports;
}

function readPort(list: MapReader, element: Element, before: readonly Port[]): Port | undefined {
  const reader = list.element(element);
  if (reader === undefined) return undefined;
  const name = reader.requiredText('name', 'name the port, for example http');
  const containerPort = readPortNumber(reader, 'containerPort');
  const servicePort = readPortNumber(reader, 'servicePort');
  if (!reader.has('containerPort'))
    reader.problem(
      'containerPort',
      'MissingField',
      'containerPort is required',
      'write a number from 1 to 65535',
    );
  reader.finish();
  if (name !== undefined && !isPortName(name))
    reader.problem(
      'name',
      'InvalidValue',
      `${JSON.stringify(name)} is not a port name`,
      'use at most 15 lower-case letters, digits and single -, with at least one letter',
    );
  if (before.some((port) => port.name === name))
    reader.problem('name', 'DuplicateName', `two ports are named ${name}`, 'give each port its own name');
  if (name === undefined || containerPort === undefined) return undefined;
  return { name, containerPort, servicePort: servicePort ?? containerPort };
}

function readPortNumber(reader: MapReader, key: 'containerPort' | 'servicePort'): number | undefined {
  const port = reader.integer(key);
  const { minimum, maximum } = PORT_FIELDS[key];
  if (port === undefined || (port >= minimum && port <= maximum)) return port;
  reader.problem(key, 'InvalidValue', `${port} is not a port`, 'use a number from 1 to 65535');
  return undefined;
}
