/** The file of CustomResourceDefinitions, as text. */
import { stringify } from 'yaml';
import { renderDefinitions } from '../src/core/manifests/custom-resource-definition.ts';

const BANNER = '# Generated from src/core/workload by `npm run generate`. Do not edit.\n';

/** Relative to the repository. */
export const DEFINITIONS_FILE = 'config/highlander-crds.yaml';

export function definitionsText(): string {
  // Long lines stay whole and nothing is an alias: easier to compare. Quotes as the formatter writes them.
  const options = { lineWidth: 0, aliasDuplicateObjects: false, singleQuote: true };
  return (
    BANNER +
    renderDefinitions()
      .map((object) => stringify(object, options))
      .join('---\n')
  );
}
