#!/bin/sh
# Creates or updates one WorkloadCronJob with kubectl apply. Needs a POSIX shell and kubectl, nothing else.
# Messages go to stderr; stdout carries data only (--dry-run, --help).
set -u
LC_ALL=C
export LC_ALL

usage() {
  cat <<'TEXT'
Usage: create-cronjob-crd.sh --name NAME [options]

Creates or updates one WorkloadCronJob. Options are written --option=value or --option value.

  --name NAME               required; at most 52 characters
  --namespace NAMESPACE     default: default
  --image IMAGE             default: busybox:latest
  --shell PATH              default: /bin/sh
  --schedule SCHEDULE       default: */1 * * * *
  --restart-policy POLICY   OnFailure or Never; default: OnFailure
  --cpu-request QUANTITY    default: 50m
  --memory-request QUANTITY default: 32Mi
  --cpu-limit QUANTITY      default: 100m
  --memory-limit QUANTITY   default: 64Mi
  --command COMMAND         a command of the script; may be repeated, replaces the default script
  --env KEY=VALUE           an environment variable; may be repeated
  --dry-run                 print the object as JSON and send nothing
  --help                    print this text

Exit codes: 0 done, 1 kubectl or the API refused, 2 wrong usage (nothing was sent), 4 kubectl is missing or the
cluster cannot be reached.
TEXT
}

say() { printf '%s\n' "create-cronjob-crd.sh: $*" >&2; }

wrong() {
  say "$1"
  say "see --help; nothing was sent"
  exit 2
}

# A text as a JSON string. Line breaks and tabs are escaped; no other control character gets here.
json() {
  printf '"'
  printf '%s\n' "$1" |
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/'"$tab"'/\\t/g' -e 's/'"$return"'/\\r/g' |
    sed -e ':a' -e '$!{' -e 'N' -e 'ba' -e '}' -e 's/\n/\\n/g' |
    tr -d '\n'
  printf '"'
}

# check OPTION VALUE PATTERN WHAT: the value must match the extended regular expression as a whole, on one line.
check() {
  case $2 in *"$newline"*) wrong "$1 must be $4" ;; esac
  printf '%s\n' "$2" | grep -Eqx -e "$3" || wrong "$1 must be $4, and is: $2"
}

tab=$(printf '\t')
return=$(printf '\r')
newline='
'
name=
namespace=default
image=busybox:latest
shell=/bin/sh
schedule='*/1 * * * *'
restart_policy=OnFailure
cpu_request=50m
memory_request=32Mi
cpu_limit=100m
memory_limit=64Mi
commands=
env=
keys=' '
dry_run=false

add_env() {
  key=${1%%=*}
  case $1 in *=*) ;; *) wrong "--env must be KEY=VALUE, and is: $1" ;; esac
  check 'the key of --env' "$key" '[-._a-zA-Z][-._a-zA-Z0-9]*' 'made of letters, digits, - _ . and not begin with a digit'
  case $keys in *" $key "*) wrong "--env $key is given twice" ;; esac
  keys="$keys$key "
  env="$env${env:+,}$(json "$key"):$(json "${1#*=}")"
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --dry-run)
      dry_run=true
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
        --name | --namespace | --image | --shell | --schedule | --restart-policy) ;;
        --cpu-request | --memory-request | --cpu-limit | --memory-limit | --command | --env) ;;
        *) wrong "unknown option: $option" ;;
      esac
      case ${2-} in '' | --*) wrong "$option needs a value" ;; esac
      value=$2
      shift 2
      ;;
    *) wrong "unexpected argument: $1" ;;
  esac
  [ -n "$value" ] || wrong "$option needs a value"
  stray=$(printf '%s' "$value" | tr -d '\t\n\r')
  case $stray in *[[:cntrl:]]*) wrong "$option contains a control character" ;; esac
  case $option in
    --name) name=$value ;;
    --namespace) namespace=$value ;;
    --image) image=$value ;;
    --shell) shell=$value ;;
    --schedule) schedule=$value ;;
    --restart-policy) restart_policy=$value ;;
    --cpu-request) cpu_request=$value ;;
    --memory-request) memory_request=$value ;;
    --cpu-limit) cpu_limit=$value ;;
    --memory-limit) memory_limit=$value ;;
    --command) commands="$commands${commands:+,}$(json "$value")" ;;
    --env) add_env "$value" ;;
    *) wrong "unknown option: $option" ;;
  esac
done

label='[a-z0-9]([-a-z0-9]*[a-z0-9])?'
quantity='([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?'
[ -n "$name" ] || wrong '--name is required'
check --name "$name" "$label" 'lower case letters, digits and -'
[ "${#name}" -le 52 ] || wrong "--name must have at most 52 characters, and has ${#name}"
check --namespace "$namespace" "$label" 'lower case letters, digits and -'
[ "${#namespace}" -le 63 ] || wrong "--namespace must have at most 63 characters, and has ${#namespace}"
check --image "$image" '[^[:space:]]+' 'an image without spaces'
check --shell "$shell" '[^[:space:]]+' 'a program without spaces'
check --schedule "$schedule" '@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([^[:space:]]+ +){4}[^[:space:]]+' \
  'five fields, such as "0 3 * * *", or for example @daily'
check --restart-policy "$restart_policy" 'OnFailure|Never' 'OnFailure or Never'
check --cpu-request "$cpu_request" "$quantity" 'a quantity such as 50m'
check --memory-request "$memory_request" "$quantity" 'a quantity such as 32Mi'
check --cpu-limit "$cpu_limit" "$quantity" 'a quantity such as 100m'
check --memory-limit "$memory_limit" "$quantity" 'a quantity such as 64Mi'

if [ -z "$commands" ]; then
  # shellcheck disable=SC2016 # the script of the workload expands these
  commands=$(json 'echo "cron job $CRONJOB_NAME runs"'),$(json 'echo "on host $(hostname)"'),$(json 'sleep 15')
fi
for default in TEST_ENV=crd-value CRD_DEFINED=true "CRONJOB_NAME=$name"; do
  case $keys in *" ${default%%=*} "*) ;; *) add_env "$default" ;; esac
done

object=$(
  cat <<JSON
{
  "apiVersion": "highlander.plexobject.io/v1",
  "kind": "WorkloadCronJob",
  "metadata": { "name": $(json "$name"), "namespace": $(json "$namespace") },
  "spec": {
    "image": $(json "$image"),
    "schedule": $(json "$schedule"),
    "restartPolicy": $(json "$restart_policy"),
    "script": { "shell": $(json "$shell"), "commands": [$commands] },
    "env": { $env },
    "resources": {
      "cpuRequest": $(json "$cpu_request"),
      "memoryRequest": $(json "$memory_request"),
      "cpuLimit": $(json "$cpu_limit"),
      "memoryLimit": $(json "$memory_limit")
    }
  }
}
JSON
)

if [ "$dry_run" = true ]; then
  printf '%s\n' "$object"
  exit 0
fi

if ! command -v kubectl >/dev/null 2>&1; then
  say 'kubectl was not found on PATH'
  exit 4
fi
printf '%s\n' "$object" | kubectl apply -f - >&2 && exit 0

# Refused, or nobody there? Everybody may ask for the version; an answer that asks who is there is an answer, too.
answer=$(kubectl get --raw /version --request-timeout=10s 2>&1) && reached=true || reached=false
case $answer in *Unauthorized* | *Forbidden* | *forbidden* | *'logged in'*) reached=true ;; esac
if [ "$reached" = false ]; then
  say 'the cluster cannot be reached'
  exit 4
fi
say "WorkloadCronJob $namespace/$name was not applied"
exit 1
