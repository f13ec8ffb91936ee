#!/bin/sh
# Deletes one workload resource with kubectl and waits until it is gone. Needs a POSIX shell and kubectl, nothing else.
# Messages go to stderr.
set -u
LC_ALL=C
export LC_ALL

usage() {
  cat <<'TEXT'
Usage: delete-workload-crd.sh --name NAME --kind KIND [options]

Deletes one workload resource. Its instance is stopped first, by the controller; this waits for it, up to five minutes.
Options are written --option=value or --option value.

  --name NAME             required
  --kind KIND             required: WorkloadProcess, WorkloadCronJob, WorkloadService or WorkloadPersistent, in any case,
                          or a short name: wlp wproc wlc wcron wls wsvc wlper wpers
  --namespace NAMESPACE   default: default
  --ignore-not-found      a workload that does not exist is no error
  --help                  print this text

Exit codes: 0 done, 1 kubectl or the API refused, 2 wrong usage (nothing was sent), 3 not found, 4 kubectl is missing
or the cluster cannot be reached.
TEXT
}

say() { printf '%s\n' "delete-workload-crd.sh: $*" >&2; }

wrong() {
  say "$1"
  say "see --help; nothing was sent"
  exit 2
}

# check OPTION VALUE PATTERN WHAT: the value must match the extended regular expression as a whole, on one line.
check() {
  case $2 in *"$newline"*) wrong "$1 must be $4" ;; esac
  printf '%s\n' "$2" | grep -Eqx -e "$3" || wrong "$1 must be $4, and is: $2"
}

newline='
'
name=
namespace=default
kind=
ignore_not_found=false

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --ignore-not-found)
      ignore_not_found=true
      shift
      continue
      ;;
    --*=*)
      option=${1%%=*}
      value=${1#*=}
      shift
      ;;
    --*)
      option=$1
      case $option in
        --name | --namespace | --kind) ;;
        *) wrong "unknown option: $option" ;;
      esac
      case ${2-} in '' | --*) wrong "$option needs a value" ;; esac
      value=$2
      shift 2
      ;;
    *) wrong "unexpected argument: $1" ;;
  esac
  [ -n "$value" ] || wrong "$option needs a value"
  case $option in
    --name) name=$value ;;
    --namespace) namespace=$value ;;
    --kind) kind=$value ;;
    *) wrong "unknown option: $option" ;;
  esac
done

[ -n "$name" ] || wrong '--name is required'
[ -n "$kind" ] || wrong '--kind is required'
check --name "$name" '[a-z0-9]([-.a-z0-9]*[a-z0-9])?' 'lower case letters, digits, - and .'
[ "${#name}" -le 253 ] || wrong "--name must have at most 253 characters, and has ${#name}"
check --namespace "$namespace" '[a-z0-9]([-a-z0-9]*[a-z0-9])?' 'lower case letters, digits and -'
[ "${#namespace}" -le 63 ] || wrong "--namespace must have at most 63 characters, and has ${#namespace}"
case $(printf '%s' "$kind" | tr '[:upper:]' '[:lower:]') in
  workloadprocess | workloadprocesses | wlp | wproc) kind=workloadprocesses ;;
  workloadcronjob | workloadcronjobs | wlc | wcron) kind=workloadcronjobs ;;
  workloadservice | workloadservices | wls | wsvc) kind=workloadservices ;;
  workloadpersistent | workloadpersistents | wlper | wpers) kind=workloadpersistents ;;
  *) wrong "--kind must be WorkloadProcess, WorkloadCronJob, WorkloadService or WorkloadPersistent, and is: $kind" ;;
esac

if ! command -v kubectl >/dev/null 2>&1; then
  say 'kubectl was not found on PATH'
  exit 4
fi
if deleted=$(kubectl delete "$kind.highlander.plexobject.io" "$name" --namespace "$namespace" \
  --ignore-not-found --timeout=5m --output name); then
  if [ -n "$deleted" ]; then
    say "deleted $deleted in namespace $namespace"
    exit 0
  fi
  say "$kind/$name was not found in namespace $namespace"
  [ "$ignore_not_found" = true ] && exit 0
  exit 3
fi

# Refused, or nobody there? Everybody may ask for the version; an answer that asks who is there is an answer, too.
answer=$(kubectl get --raw /version --request-timeout=10s 2>&1) && reached=true || reached=false
case $answer in *Unauthorized* | *Forbidden* | *forbidden* | *'logged in'*) reached=true ;; esac
if [ "$reached" = false ]; then
  say 'the cluster cannot be reached'
  exit 4
fi
say "$kind/$name in namespace $namespace was not deleted"
exit 1
