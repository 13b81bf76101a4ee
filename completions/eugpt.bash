# bash completion for eugpt; python -m eugpt_cli.reference fills in the tables.
# It reads the names of conversations and profiles and starts no program; bash-completion is not needed.

# The words up to the cursor, with those put together again that COMP_WORDBREAKS has taken apart: words
_eugpt_split() {
  local line=${COMP_LINE:0:COMP_POINT} rest piece last= i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    rest=${line#"${line%%[![:space:]]*}"}
    piece=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || piece=$rest
    if [[ $i -gt 0 && $rest == "$line" && ($piece == [:=@]* || $last == *[:=@]) ]]; then
      words[${#words[@]} - 1]+=$piece
    else
      words+=("$piece")
    fi
    last=$piece
    line=${rest#"$piece"}
  done
}

# What option $2 of command $1 takes: kind, empty for a flag; its words: choices
_eugpt_option() {
  kind='' choices=''
  case $1 in
  ask)
    case $2 in
    -i | --instructions) kind=@file ;;
    -c | --conversation) kind=conversation ;;
    --lock-wait | -p | --project | --file-id | --label | --base-url | --connect-timeout | --timeout | --max-time | --retries | --extract | --check | --again) kind=none ;;
    -f | --file | -o | --output | --meta | --log | --api-key-file | --ca-file | --client-cert | --client-key | --schema) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  stream)
    case $2 in
    -i | --instructions) kind=@file ;;
    -c | --conversation) kind=conversation ;;
    --lock-wait | -p | --project | --file-id | --label | --base-url | --connect-timeout | --timeout | --max-time | --retries) kind=none ;;
    -f | --file | -o | --output | --meta | --log | --api-key-file | --ca-file | --client-cert | --client-key) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  chat)
    case $2 in
    -i | --instructions) kind=@file ;;
    -c | --conversation) kind=conversation ;;
    --lock-wait | -p | --project | --file-id | --label | --base-url | --connect-timeout | --timeout | --max-time | --retries) kind=none ;;
    -f | --file | -o | --output | --meta | --log | --api-key-file | --ca-file | --client-cert | --client-key) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  raw-events)
    case $2 in
    -i | --instructions) kind=@file ;;
    -c | --conversation) kind=conversation ;;
    --lock-wait | -p | --project | --file-id | --label | --base-url | --connect-timeout | --timeout | --max-time | --retries) kind=none ;;
    -f | --file | -o | --output | --meta | --log | --api-key-file | --ca-file | --client-cert | --client-key) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    --type) kind=words choices='response.created response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.output_item.done error response.completed response.failed response.incomplete' ;;
    esac
    ;;
  batch)
    case $2 in
    -i | --instructions) kind=@file ;;
    -c | --conversation) kind=conversation ;;
    --lock-wait | -p | --project | --file-id | -j | --jobs | --max-errors | --max-items | --max-tokens | --shard | --extract | --check | --again | --label | --base-url | --connect-timeout | --timeout | --max-time | --retries) kind=none ;;
    -f | --file | -o | --output | --schema | --summary | --log | --api-key-file | --ca-file | --client-cert | --client-key) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  conversation)
    case $2 in
    --base-url) kind=none ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  serve)
    case $2 in
    --port | --host | --key | --daily-tokens | --monthly-tokens | --upstream | --cors) kind=none ;;
    --default-stream) kind=words choices='true false' ;;
    --keys | --scenario | --ca-file | --journal) kind=file ;;
    --state | --web | --record | --replay) kind=folder ;;
    --project) kind==folder ;;
    --file) kind==file ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  config)
    case $2 in
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  doctor)
    case $2 in
    --base-url | --connect-timeout | --timeout) kind=none ;;
    --api-key-file | --ca-file | --client-cert | --client-key) kind=file ;;
    --profile) kind=profile ;;
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  exit-codes)
    case $2 in
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  man)
    case $2 in
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  help)
    case $2 in
    --errors) kind=words choices='text json' ;;
    esac
    ;;
  esac
}

# The same for argument number $2 of command $1
_eugpt_argument() {
  kind=none choices=''
  case $1 in
  ask)
    case $2 in
    0) kind=none ;;
    esac
    ;;
  stream)
    case $2 in
    0) kind=none ;;
    esac
    ;;
  chat)
    case $2 in
    0) kind=none ;;
    esac
    ;;
  raw-events)
    case $2 in
    0) kind=none ;;
    esac
    ;;
  batch)
    case $2 in
    *) kind=file ;;
    esac
    ;;
  conversation)
    case $2 in
    0) kind=words choices='list name forget' ;;
    *) kind=conversation ;;
    esac
    ;;
  serve)
    case $2 in
    *) kind=command ;;
    esac
    ;;
  config)
    :
    ;;
  doctor)
    :
    ;;
  exit-codes)
    case $2 in
    0) kind=words choices='0 ok 1 internal 2 usage 30 config 31 input 32 output 33 busy 40 bad_request 41 unauthorized 43 forbidden 44 not_found 49 quota 50 server_error 52 bad_gateway 53 unavailable 54 gateway_timeout 60 unreachable 61 timeout 62 truncated 63 not_the_api 80 failed 81 incomplete 82 rejected 90 partial 91 budget 129 sighup 130 sigint 141 sigpipe 143 sigterm' ;;
    esac
    ;;
  man)
    :
    ;;
  help)
    case $2 in
    0) kind=words choices='ask stream chat raw-events batch conversation serve config doctor exit-codes man help' ;;
    esac
    ;;
  esac
}

_eugpt_options() {
  case $1 in
  '') choices='--version -h --help' ;;
  ask) choices='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin --require-input -o --output --meta --log --label --base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl --json --extract --schema --check --again --partial -h --help' ;;
  stream) choices='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin --require-input -o --output --meta --log --label --base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl -h --help' ;;
  chat) choices='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin --require-input -o --output --meta --log --label --base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl --each-line --plain --no-history -h --help' ;;
  raw-events) choices='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin --require-input -o --output --meta --log --label --base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl --sse --type --trailer -h --help' ;;
  batch) choices='-i --instructions -c --conversation --lock-wait -p --project -f --file --file-id -I --no-stdin --lines --files -j --jobs -o --output --resume --ordered --full --prune --max-errors --max-items --max-tokens --shard --extract --schema --check --again --summary --log --label --base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --max-time --retries --retry-unsafe --errors -q --quiet -v --verbose --dry-run --curl -h --help' ;;
  conversation) choices='--base-url --profile --json -q --quiet --errors -h --help' ;;
  serve) choices='--port --host --default-stream --key --keys --state --project --web --file --daily-tokens --monthly-tokens --scenario --record --upstream --ca-file --replay --journal --strict --cors -v --verbose --errors -h --help' ;;
  config) choices='--profile --json --path --errors -h --help' ;;
  doctor) choices='--base-url --api-key-file --profile --ca-file --client-cert --client-key --connect-timeout --timeout --json --errors -h --help' ;;
  exit-codes) choices='--json --errors -h --help' ;;
  man) choices='--errors -h --help' ;;
  help) choices='--errors -h --help' ;;
  esac
}

# A word as the shell will read it, without its quotes: bare, and the quote that is still open: open
_eugpt_unquote() {
  local i c
  bare='' open=''
  for ((i = 0; i < ${#1}; i++)); do
    c=${1:i:1}
    if [[ $c == "$open" ]]; then
      open=
    elif [[ $c == \\ && $open != \' ]]; then
      ((++i))
      bare+=${1:i:1}
    elif [[ ! $open && $c == [\"\'] ]]; then
      open=$c
    else
      bare+=$c
    fi
  done
}

# The names of conversations, one a line of their file; they hold letters, digits, dots, dashes and underscores: names
_eugpt_conversations() {
  local file=${XDG_STATE_HOME:-$HOME/.local/state}/eugpt/conversations.json line
  [[ -r $file ]] || return
  while IFS= read -r line; do
    [[ $line == '  "'*'": {'* ]] || continue
    line=${line#'  "'}
    names+=("${line%%\"*}")
  done <"$file"
}

# The names of profiles: [profile.NAME], NAME bare or quoted: names
_eugpt_profiles() {
  local file=${XDG_CONFIG_HOME:-$HOME/.config}/eugpt/config.toml line
  local table='^[[:space:]]*\[[[:space:]]*profile[[:space:]]*\.[[:space:]]*("([^"\]+)"|'\''([^'\'']+)'\''|([A-Za-z0-9_-]+))[[:space:]]*\]'
  [[ -r $file ]] || return
  while IFS= read -r line; do
    [[ $line =~ $table ]] && names+=("${BASH_REMATCH[2]}${BASH_REMATCH[3]}${BASH_REMATCH[4]}")
  done <"$file"
}

# Offers those of "$@" that begin with the bare word, quoted as the command line needs it
_eugpt_offer() {
  local name
  for name; do
    [[ $name == "$bare"* ]] || continue
    case $open in
    \') [[ $name == *\'* ]] && continue ;;
    \") name=${name//\\/\\\\} name=${name//\"/\\\"} name=${name//\$/\\\$} name=${name//\`/\\\`} ;;
    *) printf -v name %q "$name" ;;
    esac
    COMPREPLY+=("$prefix$name")
  done
}

# File names ($1: -f) or folders (-d); readline quotes them
_eugpt_files() {
  local name
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do
    if [[ $prefix && $prefix != "$cut" && -d $name ]]; then
      compopt -o nospace 2>/dev/null
      name+=/
    fi
    COMPREPLY+=("$prefix$name")
  done < <(compgen "$1" -- "$bare")
}

_eugpt_value() {
  local names=()
  case $kind:$value in
  @*:@*) prefix+=@ value=${value#@} ;;
  =*:*=*) prefix+=${value%%=*}= value=${value#*=} ;;
  [@=]*) return ;;
  esac
  _eugpt_unquote "$value"
  case $kind in
  words) _eugpt_offer $choices ;;
  file | ?file) _eugpt_files -f ;;
  folder | ?folder) _eugpt_files -d ;;
  conversation | profile)
    "_eugpt_${kind}s"
    _eugpt_offer "${names[@]}"
    ;;
  esac
}

# The command after --, completed as if it stood alone
_eugpt_command() {
  local i
  for ((i = 0; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] && break
  done
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset $((i + 1))
  elif declare -F _command_offset >/dev/null; then
    _command_offset $((i + 1))
  elif ((COMP_CWORD == i + 1)); then
    COMPREPLY=($(compgen -c -- "$value"))
  else
    _eugpt_unquote "$value"
    _eugpt_files -f
  fi
}

_eugpt() {
  local words word previous command= option= ended= count=0 kind= choices= current value prefix= cut= bare open i
  COMPREPLY=()
  _eugpt_split
  for word in "${words[@]:1:${#words[@]}-2}"; do
    if [[ $option ]]; then
      option=
    elif [[ ! $command ]]; then
      [[ $word == -* ]] || command=$word
    elif [[ $ended || $word != -?* ]]; then
      ((++count))
    elif [[ $word == -- ]]; then
      ended=yes
    else
      _eugpt_option "$command" "$word"
      option=$kind
    fi
  done
  current=${words[${#words[@]} - 1]} previous=$word
  value=$current
  # readline replaces what follows the last of its own breaks (an @ is replaced too), or an open quote
  for ((i = ${#current} - 1; i >= 0; i--)); do
    word=${current:i:1}
    if [[ $word == [:=@] && $COMP_WORDBREAKS == *"$word"* ]]; then
      cut=${current:0:i}${word#@}
      break
    fi
  done
  if [[ $previous == *[\<\>] ]]; then
    kind=file
  elif [[ $option ]]; then
    :
  elif [[ ! $ended && $command && $current == --*=* ]]; then
    _eugpt_option "$command" "${current%%=*}"
    prefix=${current%%=*}= value=${current#*=}
  elif [[ ! $ended && $current == -* ]]; then
    kind=words
    _eugpt_options "$command"
  elif [[ ! $command ]]; then
    kind=words choices='ask stream chat raw-events batch conversation serve config doctor exit-codes man help'
  else
    _eugpt_argument "$command" "$count"
  fi
  if [[ $kind == command ]]; then
    _eugpt_command
    return
  fi
  _eugpt_value
  _eugpt_unquote "$current"
  if [[ $open ]]; then
    [[ $prefix ]] && COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  elif [[ $cut ]]; then
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  fi
}
complete -F _eugpt eugpt
