// `npm install` can write lockfiles that `npm ci` refuses: fail early, with the reason.
import { readFileSync } from 'node:fs';

const read = (file) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
const { packages } = read('package-lock.json');
const denied = read('package.json').allowScripts ?? {};
const bad = [];
for (const [path, p] of Object.entries(packages)) {
  if (path && !p.link && !p.integrity) bad.push(`${path}: no integrity`);
  if (p.resolved && !p.link) bad.push(`${path}: registry address in the lockfile`);
  if (p.hasInstallScript && denied[path.replace(/^.*node_modules\//, '')] !== false)
    bad.push(`${path}: install script not denied`);
  for (const dep of Object.keys(p.optionalDependencies ?? {}))
    if (![`${path}/node_modules/${dep}`, `node_modules/${dep}`].some((k) => packages[k]?.version))
      bad.push(`${path || 'root'}: optional ${dep} missing (that version not published?)`);
}
if (bad.length > 0) console.error(bad.join('\n'));
process.exitCode = bad.length > 0 ? 1 : 0;
