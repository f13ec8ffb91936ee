import { expect, test } from 'vitest';
import { loadConfig } from './load.ts';

/** Each line with a fault ends in a comment: the expected code and path, once for each problem of that line. */
const FAULTY = `
tenant: Team_A                     #! InvalidValue tenant
port: 08080                        #! InvalidValue port
namespce: x                        #! UnknownKey namespce
remainsFollower: yes               #! InvalidValue remainsFollower
storageType: etcd                  #! InvalidValue storageType
redis:
  addr: [a]                        #! WrongType redis.addr
  db: "0"                          #! WrongType redis.db
cluster: primary                   #! WrongType cluster
leaderLockTTL: 1s                  #! InvalidValue leaderLockTTL
metricsPath: metrics               #! InvalidValue metricsPath
logLevel: loud                     #! InvalidValue logLevel
terminationGracePeriod: 1.5        #! InvalidValue terminationGracePeriod
workloads:
  processes:
    - name: Report                 #! InvalidValue workloads.processes[0].name
      image: bad image             #! InvalidValue workloads.processes[0].image
      restartPolicy: onfailure     #! InvalidValue workloads.processes[0].restartPolicy
      maxRestarts: many            #! WrongType workloads.processes[0].maxRestarts
      replica: 2                   #! UnknownKey workloads.processes[0].replica
      env:
        A: [1]                     #! WrongType workloads.processes[0].env.A
        1B: x                      #! InvalidValue workloads.processes[0].env.1B
      resources:
        cpuRequest: 1 core         #! InvalidValue workloads.processes[0].resources.cpuRequest
        memoryRequest: 2Gi         #! Contradiction workloads.processes[0].resources.memoryRequest
        memoryLimit: 1Gi
    - image: x                     #! MissingField workloads.processes[1].name
      script:
        commands: []               #! MissingField workloads.processes[1].script.commands
        shel: /bin/bash            #! UnknownKey workloads.processes[1].script.shel
      configMaps: [a, a, B]        #! DuplicateName workloads.processes[1].configMaps[1] #! InvalidValue workloads.processes[1].configMaps[2]
      labels:
        a b: c                     #! InvalidValue workloads.processes[1].labels.a b
        team: -x-                  #! InvalidValue workloads.processes[1].labels.team
      gracePeriod: soon            #! InvalidValue workloads.processes[1].gracePeriod
    - name: ports
      namespace: Kube_System       #! InvalidValue workloads.processes[2].namespace
      image: x
      ports:
        - name: HTTP               #! InvalidValue workloads.processes[2].ports[0].name
          containerPort: 0         #! InvalidValue workloads.processes[2].ports[0].containerPort
        - name: web                #! MissingField workloads.processes[2].ports[1].containerPort
        - name: grpc
          containerPort: 90
        - name: grpc               #! DuplicateName workloads.processes[2].ports[3].name
          containerPort: 91
      sidecars:
        - name: main               #! DuplicateName workloads.processes[2].sidecars[0].name
          image: x
          volumeMounts:
            - name: config-a       #! InvalidValue workloads.processes[2].sidecars[0].volumeMounts[0].name
              mountPath: etc       #! InvalidValue workloads.processes[2].sidecars[0].volumeMounts[0].mountPath
              readOnly: on         #! InvalidValue workloads.processes[2].sidecars[0].volumeMounts[0].readOnly
          securityContext:
            runAsUser: -1          #! InvalidValue workloads.processes[2].sidecars[0].securityContext.runAsUser
    - just text                    #! WrongType workloads.processes[3]
  cronJobs:
    - name: daily                  #! NotInThisVersion workloads.cronJobs[0]
      image: x
  services: none                   #! WrongType workloads.services
`;

test('a file with more than forty faults is reported at once, each with its line', () => {
  const expected = FAULTY.split('\n').flatMap((line, index) =>
    line
      .split('#! ')
      .slice(1)
      .map((mark) => `${index + 1} ${mark.trim()}`),
  );
  const result = loadConfig(['--config', 'c.yaml'], {
    env: {},
    exists: (path) => path === 'c.yaml',
    readFile: () => FAULTY,
    homedir: '/home/u',
    cwd: '/srv/app',
    hostname: 'h',
    list: () => [],
  });
  const problems = 'problems' in result ? result.problems : [];
  const found = problems.map(({ line, code, path }) => `${line} ${code} ${path}`);
  expect(expected.length).toBeGreaterThan(40);
  expect(found.toSorted()).toEqual(expected.toSorted());
  expect(problems.map(({ line }) => line)).toEqual(
    problems.map(({ line }) => line).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
  );
  expect(problems.every(({ file, hint }) => file === 'c.yaml' && hint !== '')).toBe(true);
});
