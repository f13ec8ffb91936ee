/** The workloads of the rows that run a thousand of them. The controller is given them in its file; the floor creates the same objects bare. */

export interface WorkloadSet {
  /** Ends the name of a row. */
  readonly name: string;
  readonly about: string;
  readonly count: number;
  /** Each workload is one pod, made by the controller itself. */
  readonly isPods: boolean;
  /** The `workloads` section of the file. */
  readonly section: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

const COMMON = { image: 'busybox', script: { commands: ['sleep 1000000'] } };
const PORTS = [{ name: 'http', containerPort: 8080 }];

/** A thousand processes. */
export const PROCESSES: WorkloadSet = {
  name: '1000',
  about: '1000 processes',
  count: 1000,
  isPods: true,
  section: { processes: entries('process', 1000, { restartPolicy: 'Always' }) },
};

/** A thousand of all kinds. The cron jobs have no tick while a row runs, except in the first minutes of a year. */
export const MIXED: WorkloadSet = {
  name: '1000-mixed',
  about: '400 processes, 200 services, 200 persistent sets and 200 cron jobs',
  count: 1000,
  isPods: false,
  section: {
    processes: entries('process', 400, { restartPolicy: 'Always' }),
    services: entries('service', 200, { ports: PORTS }),
    persistentSets: entries('set', 200, { ports: PORTS }, (name) => ({ serviceName: name })),
    cronJobs: entries('cron', 200, { schedule: '0 0 1 1 *' }),
  },
};

function entries(
  prefix: string,
  count: number,
  fields: Readonly<Record<string, unknown>>,
  own: (name: string) => Readonly<Record<string, unknown>> = () => ({}),
): readonly Readonly<Record<string, unknown>>[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `${prefix}-${at}`;
    return { name, ...COMMON, ...fields, ...own(name) };
  });
}
