/** deploy/kubernetes/deployment.yaml: rights, configuration and controller in one file, for `kubectl apply -f`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const CONFIG = 'config/config.yaml';
const PARTS = { rights: 'deploy/kubernetes/rbac.yaml', controller: 'deploy/kubernetes/controller.yaml' };

/** Relative to the repository. */
export const DEPLOYMENT_FILE = 'deploy/kubernetes/deployment.yaml';

const BANNER = `# Generated from ${PARTS.rights}, ${CONFIG} and ${PARTS.controller} by \`npm run generate\`. Do not edit.
#
# Everything the controller needs in a cluster. First: kubectl apply -f config/highlander-crds.yaml
# Recommended besides: deploy/kubernetes/admission-policy.yaml
`;

/** The parts one after the other, as they are: the comments are for who reads the whole. */
export function deploymentText(): string {
  return [BANNER, read(PARTS.rights), configMap(read(CONFIG)), read(PARTS.controller)].join('---\n');
}

function configMap(config: string): string {
  const indented = config.replaceAll(/^(?=.)/gm, '    ');
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: k8-highlander-config
  namespace: k8-highlander
  labels:
    app: k8-highlander
    app.kubernetes.io/name: k8-highlander
data:
  config.yaml: |
${indented}`;
}

function read(file: string): string {
  return readFileSync(resolve(ROOT, file), 'utf8');
}
