/** Fields that the main container and the sidecars have in common. */
import type { MapReader } from '../document/map-reader.ts';
import type { Resources } from './model.ts';
import { parseQuantity } from './quantity.ts';

export function readImage(reader: MapReader): string | undefined {
  const image = reader.requiredText('image', 'name a container image, for example busybox:1.36');
  if (image !== undefined && /\s/.test(image)) {
    reader.problem('image', 'InvalidValue', 'an image reference has no spaces', 'write registry/name:tag');
    return undefined;
  }
  return image;
}

export function readResources(reader: MapReader): Resources {
  const resources = reader.map('resources');
  if (resources === undefined) return {};
  const read = {
    cpuRequest: readQuantity(resources, 'cpuRequest'),
    memoryRequest: readQuantity(resources, 'memoryRequest'),
    cpuLimit: readQuantity(resources, 'cpuLimit'),
    memoryLimit: readQuantity(resources, 'memoryLimit'),
  };
  for (const [request, limit] of [
    ['cpuRequest', 'cpuLimit'],
    ['memoryRequest', 'memoryLimit'],
  ] as const)
    if ((read[request]?.value ?? 0) > (read[limit]?.value ?? Infinity))
      resources.problem(
        request,
        'Contradiction',
        `${request} is above ${limit}`,
        `lower it, or raise ${limit}`,
      );
  resources.finish();
  return Object.fromEntries(
    Object.entries(read).flatMap(([key, quantity]) => (quantity === undefined ? [] : [[key, quantity.text]])),
  );
}

function readQuantity(
  reader: MapReader,
  key: string,
): { readonly text: string; readonly value: number } | undefined {
  const text = reader.text(key);
  if (text === undefined) return undefined;
  const value = parseQuantity(text);
  if (value !== undefined) return { text, value };
  reader.problem(
    key,
    'InvalidValue',
    `${JSON.stringify(text)} is not a quantity`,
    'write for example 100m, 0.5, 64Mi or 1Gi',
  );
  return undefined;
}
