#!/usr/bin/env bash
# A pipeline's agent, from nothing to a call, in one run and with no ticket: it registers with the token that its platform gave the job
# (`registration.platforms` of chancery.yaml says which jobs may), gets an access token as the registered agent, and calls a tool.
#
#   ISSUER           https://gw.example.com/t/acme
#   PLATFORM_TOKEN   the job's OIDC token, with the issuer above as its audience
#   RESOURCE         https://gw.example.com/mcp/bank
set -euo pipefail

metadata=$(curl -fsS "${ISSUER%%/t/*}/.well-known/oauth-authorization-server/t/${ISSUER##*/t/}")

client=$(curl -fsS "$(jq -r .registration_endpoint <<<"$metadata")" \
  -H "Authorization: Bearer $PLATFORM_TOKEN" -H 'Content-Type: application/json' -d '{"client_name":"deploy job"}')

token=$(curl -fsS "$(jq -r .token_endpoint <<<"$metadata")" \
  -u "$(jq -r '.client_id + ":" + .client_secret' <<<"$client")" \
  -d grant_type=client_credentials --data-urlencode "resource=$RESOURCE" | jq -r .access_token)

call() {
  curl -fsS "$RESOURCE" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -H 'Accept: application/json, text/event-stream' "$@"
}
session=$(call -D - -o /dev/null -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"deploy","version":"1"}}}' |
  tr -d '\r' | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
call -H "Mcp-Session-Id: $session" -d '{"jsonrpc":"2.0","method":"notifications/initialized"}' >/dev/null
call -H "Mcp-Session-Id: $session" -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"account_balance","arguments":{}}}'

# The registration ends with the job; left out, it would be forgotten by itself.
curl -fsS -X DELETE "$(jq -r .registration_client_uri <<<"$client")" \
  -H "Authorization: Bearer $(jq -r .registration_access_token <<<"$client")"
