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
    - name: daily                  #! MissingField workloads.cronJobs[0].schedule
      image: x
    - name: zoned
      image: x
      schedule: TZ=UTC 0 0 * * *   #! InvalidValue workloads.cronJobs[1].schedule
      timeZone: europe/berlin      #! InvalidValue workloads.cronJobs[1].timeZone
      restartPolicy: Always        #! InvalidValue workloads.cronJobs[1].restartPolicy
      startingDeadline: 5s         #! InvalidValue workloads.cronJobs[1].startingDeadline
      backoffLimit: -1             #! InvalidValue workloads.cronJobs[1].backoffLimit
      onStop: Kill                 #! InvalidValue workloads.cronJobs[1].onStop
      suspend: no                  #! InvalidValue workloads.cronJobs[1].suspend
    - name: this-name-has-fifty-three-characters-and-is-too-long-x #! InvalidValue workloads.cronJobs[2].name
      image: x
      schedule: 0 0 * *            #! InvalidValue workloads.cronJobs[2].schedule
    - name: pod
      image: x
      schedule: '@daily'
      dependsOn: [cronjob/pod, api] #! DependencyCycle workloads.cronJobs[3].dependsOn[0] #! InvalidValue workloads.cronJobs[3].dependsOn[1]
      nodeLoss:
        policy: Force              #! MissingField workloads.cronJobs[3].nodeLoss.after
      deletionPolicy: Keep         #! InvalidValue workloads.cronJobs[3].deletionPolicy
      serviceAccountName: A_B      #! InvalidValue workloads.cronJobs[3].serviceAccountName
      imagePullPolicy: Sometimes   #! InvalidValue workloads.cronJobs[3].imagePullPolicy
      affinity: none               #! WrongType workloads.cronJobs[3].affinity
      tolerations: {key: a}        #! WrongType workloads.cronJobs[3].tolerations
      env: {A: b}
      envValueFrom:
        A: {fieldRef: {}}          #! DuplicateName workloads.cronJobs[3].envValueFrom.A
        HIGHLANDER_FENCING_TOKEN: {} #! IgnoredValue workloads.cronJobs[3].envValueFrom.HIGHLANDER_FENCING_TOKEN
      volumes:
        - name: config-app         #! InvalidValue workloads.cronJobs[3].volumes[0].name
        - name: keys
          secret: {defaultMode: 0400} #! InvalidValue workloads.cronJobs[3].volumes[1].secret.defaultMode
      volumeMounts:
        - name: kesy               #! InvalidValue workloads.cronJobs[3].volumeMounts[0].name
          mountPath: /keys
  persistentSets:
    - name: db
      image: x
      replicas: -1                 #! InvalidValue workloads.persistentSets[0].replicas
      healthCheckPort: 70000       #! InvalidValue workloads.persistentSets[0].healthCheckPort
      readinessTimeout: 10 minutes #! InvalidValue workloads.persistentSets[0].readinessTimeout
      serviceName: 1db             #! InvalidValue workloads.persistentSets[0].serviceName
      persistentVolumes:
        - name: data               #! MissingField workloads.persistentSets[0].persistentVolumes[0].mountPath
          size: 10Gigs             #! InvalidValue workloads.persistentSets[0].persistentVolumes[0].size
        - name: data               #! DuplicateName workloads.persistentSets[0].persistentVolumes[1].name
          mountPath: /data
          size: 1Gi
    - name: ref
      workloadCRDRef:
        apiVersion: v1             #! InvalidValue workloads.persistentSets[1].workloadCRDRef.apiVersion
        kind: WorkloadProcess      #! InvalidValue workloads.persistentSets[1].workloadCRDRef.kind
        name: ref
  services: none                   #! WrongType workloads.services
`;

test('a file with more than seventy faults is reported at once, each with its line', () => {
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
  expect(expected.length).toBeGreaterThan(70);
  expect(found.toSorted()).toEqual(expected.toSorted());
  expect(problems.map(({ line }) => line)).toEqual(
    problems.map(({ line }) => line).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
  );
  expect(problems.every(({ file, hint }) => file === 'c.yaml' && hint !== '')).toBe(true);
});
