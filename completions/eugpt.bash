# bash completion for eugpt; generated
_eugpt() {
  local current=${COMP_WORDS[COMP_CWORD]} words='ask stream chat raw-events conversation serve exit-codes'
  if ((COMP_CWORD > 1)); then
    case ${COMP_WORDS[1]} in
    ask) words='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin -o --output --meta --base-url --api-key-file --profile --ca-file --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl --json --extract --partial' ;;
    stream) words='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin -o --output --meta --base-url --api-key-file --profile --ca-file --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl' ;;
    chat) words='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin -o --output --meta --base-url --api-key-file --profile --ca-file --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl' ;;
    raw-events) words='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin -o --output --meta --base-url --api-key-file --profile --ca-file --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl --sse --type --trailer' ;;
    conversation) words='--json -q --quiet --errors' ;;
    serve) words='--port --host --default-stream --key --keys --state --project --web --file --daily-tokens --monthly-tokens --scenario --record --upstream --replay -v --verbose --errors' ;;
    exit-codes) words='' ;;
    esac
    [[ $current == -* ]] || { COMPREPLY=($(compgen -f -- "$current")); return; }
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _eugpt eugpt
