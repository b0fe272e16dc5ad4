#!/usr/bin/env bash
# api_workflow.sh [URL]: walks the whole REST flow against a running host and says of each step whether it holds.
#
#   URL                 default http://127.0.0.1:8080
#   OPERON_TOKEN        bearer token, when the host asks for one
#   SCENARIO            default hello
#   REGISTRY            the instance that has it, default the configuration's; "hello" is in registry-dir, where images are the default
#   RUNNER              the instance that runs it, default the configuration's; "hello" is a script: runner-process where pods are the default
#   CLUSTER             default localhost
#   WAIT_SECONDS_MAX    for each wait, default 60
#
# Needs curl and python3. Starts runs of SCENARIO and stops or waits for each; leaves their records behind. Ends with 1 when a step failed.
set -euo pipefail

url=${1:-http://127.0.0.1:8080}
url=${url%/}
scenario=${SCENARIO:-hello}
cluster=${CLUSTER:-localhost}
registry=${REGISTRY:+"{\"registry\":\"$REGISTRY\"}"}
wait_seconds_max=${WAIT_SECONDS_MAX:-60}
case ${1:-} in -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 0 ;; esac

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
failures=0 steps=0 status=

# ask METHOD PATH [BODY [HEADER...]]: leaves the status in $status and the body in $answer.
ask() {
  local method=$1 path=$2 body=${3:-} header args=()
  shift $(($# < 3 ? $# : 3))
  [ -n "${OPERON_TOKEN:-}" ] && args+=(-H "Authorization: Bearer $OPERON_TOKEN")
  for header in "$@"; do args+=(-H "$header"); done
  [ -n "$body" ] && args+=(-H 'Content-Type: application/json' --data-binary "$body")
  status=$(curl -sS --max-time "$wait_seconds_max" -X "$method" -o "$answer" -w '%{http_code}' "${args[@]}" "$url$path") || status=000
}

# value EXPRESSION: of the answer's JSON, as Python sees it in `a`.
value() { python3 -c 'import json,sys; a=json.load(open(sys.argv[1])); v=eval(sys.argv[2]); print(v if not isinstance(v,bool) else str(v).lower())' "$answer" "$1" 2>/dev/null || true; }

# holds WHAT GOT WANTED
holds() {
  steps=$((steps + 1))
  if [ "$2" = "$3" ]; then
    printf 'ok    %s\n' "$1"
  else
    failures=$((failures + 1))
    printf 'FAIL  %s: got "%s", wanted "%s"; the answer was: %s\n' "$1" "$2" "$3" "$(head -c 400 "$answer")"
  fi
}

# until_true WHAT COMMAND...: asks again every 200 ms.
until_true() {
  local what=$1 deadline=$((SECONDS + wait_seconds_max))
  shift
  until "$@"; do
    if ((SECONDS >= deadline)); then
      holds "$what within $wait_seconds_max s" "no" "yes"
      return 1
    fi
    sleep 0.2
  done
  holds "$what" "yes" "yes"
}

target_completed() { ask GET "/targets/$target" && [ "$status" = 200 ]; }
job_has_ended() { ask GET "/scenarios/run/$1" && [[ $(value 'a["status"]') =~ ^(Succeeded|Failed|Stopped)$ ]]; }

echo "== host $url"
ask GET /health
holds "GET /health" "$status $(value 'a["status"]')" "200 healthy"
ask GET /operon/v1/version
holds "GET /operon/v1/version" "$status $(value 'a["name"]')" "200 operon"
ask GET /operon/v1/openapi.yaml
holds "GET /operon/v1/openapi.yaml" "$status $(head -c 14 "$answer")" "200 openapi: 3.1.0"
ask GET /nowhere
holds "an unknown path is 404 in JSON" "$status $(value 'a["error"]')" "404 not_found"
ask PUT /health
holds "another method is 405 in JSON" "$status $(value 'a["error"]')" "405 method_not_allowed"

echo "== targets"
ask POST /targets
holds "POST /targets" "$status" "202"
target=$(value 'a["uuid"]')
until_true "GET /targets/$target is completed" target_completed || true
ask GET "/clusters?id=$target"
holds "GET /clusters lists $cluster" "$status $(value 'any(c["cluster-name"]=="'"$cluster"'" for l in a["targetData"].values() for c in l)')" "200 true"
ask GET /clusters
holds "GET /clusters without id" "$status $(value 'a["message"]')" "400 id parameter is required"
ask GET "/clusters?id=nope"
holds "GET /clusters of no request" "$status $(value 'a["message"]')" "404 KrknTargetRequest with id 'nope' not found"
ask GET "/nodes?id=$target"
holds "GET /nodes without a cluster" "$status $(value 'a["message"]')" "400 cluster-name parameter is required"

echo "== scenarios"
ask POST /scenarios "$registry"
holds "POST /scenarios lists $scenario" "$status $(value 'any(s["name"]=="'"$scenario"'" for s in a["scenarios"])')" "200 true"
ask POST "/scenarios/detail/$scenario" "$registry"
holds "POST /scenarios/detail/$scenario" "$status $(value 'a["name"]')" "200 $scenario"
ask POST /scenarios/detail/no-such-scenario "$registry"
holds "detail of no scenario" "$status $(value 'a["message"]')" "404 Scenario 'no-such-scenario' not found"
ask POST /scenarios '{"registryUrl":"registry.example"}'
holds "half a registry" "$status $(value 'a["message"]')" "400 Both registryUrl and scenarioRepository are required for private registry"
ask GET "/operon/v1/scenarios/$scenario${REGISTRY:+?registry=$REGISTRY}"
reference=$(value 'a["reference"]')
holds "GET /operon/v1/scenarios/$scenario has a reference" "$status ${reference:+yes}" "200 yes"

echo "== a run to its end"
ask POST /scenarios/run '{"clusterName":"x"}'
holds "a run without targetId" "$status $(value 'a["message"]')" "400 targetId is required"
body='{"targetId":"'$target'","clusterName":"'$cluster'","scenarioImage":"'$reference'","scenarioName":"'$scenario'"'${RUNNER:+,\"runner\":\"$RUNNER\"}'}'
key=smoke-$$-$RANDOM
ask POST /scenarios/run "$body" "Idempotency-Key: $key"
job=$(value 'a["jobId"]')
holds "POST /scenarios/run" "$status $(value 'a["status"]') $(value 'a["podName"]')" "201 Pending krkn-job-$job"
ask POST /scenarios/run "$body" "Idempotency-Key: $key"
holds "the same key and body is the same run" "$status $(value 'a["jobId"]')" "201 $job"
ask POST /scenarios/run "${body%\}},\"timeoutSeconds\":7}" "Idempotency-Key: $key"
holds "the same key and another body" "$status" "422"
ask GET "/scenarios/run/$job"
holds "GET sees what POST made" "$status $(value 'a["clusterName"]')" "200 $cluster"
ask GET "/scenarios/run?scenarioName=$scenario&targetId=$target"
holds "the list has it" "$status $(value 'sum(j["jobId"]=="'"$job"'" for j in a["jobs"])')" "200 1"
ask GET "/scenarios/run/$job/logs?follow=true"
holds "the log, followed to its end, has something to say" "$status $([ -s "$answer" ] && echo yes)" "200 yes"
until_true "the run ends" job_has_ended "$job" || true
holds "it Succeeded" "$(value 'a["status"]')" "Succeeded"
ask GET "/scenarios/run/$job/logs?tailLines=1"
holds "tailLines=1 is one line" "$status $(wc -l <"$answer" | tr -d ' ')" "200 1"
ask GET "/scenarios/run/$job/logs?tailLines=x"
holds "a malformed tailLines" "$status" "400"
ask DELETE "/scenarios/run/$job"
holds "DELETE of an ended run" "$status $(value 'a["status"]') $(value 'a["message"]')" "200 Stopped Job stopped and deleted successfully"
ask GET "/scenarios/run/$job"
holds "GET goes on telling the true end" "$status $(value 'a["status"]')" "200 Succeeded"

echo "== a run that is stopped"
ask POST /scenarios/run "$body"
job=$(value 'a["jobId"]')
holds "POST /scenarios/run" "$status" "201"
ask DELETE "/scenarios/run/$job"
holds "DELETE" "$([[ $status =~ ^20[02]$ ]] && echo yes)" "yes"
until_true "the run ends" job_has_ended "$job" || true
ask GET "/scenarios/run/no-such-job"
holds "GET of no job" "$status $(value 'a["message"]')" "404 Job with ID 'no-such-job' not found"

echo "== freeze"
ask POST /operon/v1/freeze '{"reason":"smoke test"}'
holds "POST /operon/v1/freeze" "$status $(value 'a["frozen"]')" "200 true"
ask POST /scenarios/run "$body"
holds "no run starts while frozen" "$status $(value '"smoke test" in a["message"]')" "503 true"
ask POST /operon/v1/unfreeze
holds "POST /operon/v1/unfreeze" "$status $(value 'a["frozen"]')" "200 false"

printf '\n%d of %d steps held\n' $((steps - failures)) "$steps"
[ "$failures" -eq 0 ]
