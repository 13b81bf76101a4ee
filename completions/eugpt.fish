# fish completion for eugpt; python -m eugpt_cli.reference fills in the table.
# It reads the names of conversations and profiles and starts no program.

# Whether the cursor is in one of these commands, and not after --
function __eugpt_in
    set -l words (commandline -opc)
    contains -- -- $words; and return 1
    set -l command (string match -v -- '-*' $words[2..-1])[1]
    test (count $command) -eq 1; and contains -- $command $argv
end

function __eugpt_no_command
    not string match -qv -- '-*' (commandline -opc)[2..-1]
end

# Whether the cursor is at an argument with this number ($argv[1..2]: a comparison)
function __eugpt_at
    test (count (string match -v -- '-*' (commandline -opc)[2..-1])) $argv[1..2]; and __eugpt_in $argv[3]
end

function __eugpt_after_dashes
    contains -- -- (commandline -opc)
end

function __eugpt_subcommand
    set -l words (commandline -opc) (commandline -ct)
    set -l own (math 1 + (contains -i -- -- $words))
    complete -C "$words[$own..-1]"
end

function __eugpt_conversations
    set -l state $XDG_STATE_HOME
    test -n "$state"; or set state ~/.local/state
    test -r $state/eugpt/conversations.json; or return
    string replace -rf '^  "([^"]+)": \{.*' '$1' <$state/eugpt/conversations.json
end

function __eugpt_profiles
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config ~/.config
    test -r $config/eugpt/config.toml; or return
    string replace -rf '^\s*\[\s*profile\s*\.\s*(?:"([^"\\\\]+)"|\'([^\']+)\'|([\w-]+))\s*\].*' '$1$2$3' <$config/eugpt/config.toml
end

function __eugpt_at_files
    set -l word (commandline -ct | string replace -r '^--[^=]*=' '' | string unescape)
    string match -q '@*' -- $word; or return
    for file in (string sub -s 2 -- $word)*
        test -d $file; and set file $file/
        echo @$file
    end
end

complete -c eugpt -f
complete -c eugpt -n __eugpt_no_command -l version -d 'print the version and exit'
complete -c eugpt -n __eugpt_no_command -s h -l help -d 'print this help and exit'
complete -c eugpt -n __eugpt_no_command -a ask -d 'Print one answer, once it is complete.'
complete -c eugpt -n __eugpt_no_command -a stream -d 'Print the answer as it arrives.'
complete -c eugpt -n __eugpt_no_command -a chat -d 'Start or continue a conversation that the service stores.'
complete -c eugpt -n __eugpt_no_command -a raw-events -d 'Print every event as one line of JSON.'
complete -c eugpt -n __eugpt_no_command -a batch -d 'Send many requests at once, and resume after a failure.'
complete -c eugpt -n __eugpt_no_command -a conversation -d 'List, set and forget the names of conversations.'
complete -c eugpt -n __eugpt_no_command -a serve -d 'Run a local server for the same API, without an account.'
complete -c eugpt -n __eugpt_no_command -a config -d 'Print every setting, its value and where it comes from.'
complete -c eugpt -n __eugpt_no_command -a doctor -d 'Check settings, key, network and service, step by step.'
complete -c eugpt -n __eugpt_no_command -a exit-codes -d 'Print the table of exit codes, or one row of it.'
complete -c eugpt -n __eugpt_no_command -a man -d 'Show the manual.'
complete -c eugpt -n __eugpt_no_command -a help -d 'Print the help of a command.'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation serve config doctor exit-codes man help' -l errors -x -a 'text json' -d 'print errors as text or as one line of JSON'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation serve config doctor exit-codes man help' -s h -l help -d 'print this help and exit'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation config doctor' -l profile -x -a '(__eugpt_profiles)' -d 'use this profile of config.toml'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l base-url -x -d 'send requests to this URL'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l api-key-file -r -F -d 'read the API key from this file'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l ca-file -r -F -d 'trust the certificates in this PEM file instead of the system\'s'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l client-cert -r -F -d 'present the client certificate in this PEM file'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l client-key -r -F -d 'read the client certificate\'s key from this PEM file; it must have no passphrase'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l connect-timeout -x -d 'give up connecting after this many seconds'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l timeout -x -d 'give up after this many seconds of silence (default: 600 for ask and batch, 120 otherwise)'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation' -s q -l quiet -d 'print no notes on stderr'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s i -l instructions -x -a '(__eugpt_at_files)' -d 'set the system prompt; @FILE reads it from a file'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s c -l conversation -x -a '(__eugpt_conversations)' -d 'continue this conversation'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l lock-wait -x -d 'wait at most this many seconds for other runs in the same conversation'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s p -l project -x -d 'use the files of this project for the answer'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s f -l file -r -F -d 'add a local text file to the prompt; - is standard input'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l file-id -x -d 'add an uploaded file to the prompt'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s I -l no-stdin -d 'never read standard input'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l log -r -F -d 'append a line about the run to this journal, even on failure'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l label -x -d 'add this label to the line of the journal'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l max-time -x -d 'give up after this many seconds in all, waiting and retries included'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l retries -x -d 'retry at most N times'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l retry-unsafe -d 'retry even if the conversation may then contain a turn twice'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s v -l verbose -d 'log requests, responses, retries and tools on stderr'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l require-input -d 'exit with 31 if standard input or a file is empty'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -s o -l output -r -F -d 'write the answer to this file, once it is complete'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l meta -r -F -d 'write facts about the run to this file as JSON, even on failure'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l dry-run -d 'print the request body and exit'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l curl -d 'print an equivalent curl command and exit'
complete -c eugpt -n '__eugpt_in config doctor exit-codes' -l json -d 'print JSON'
complete -c eugpt -n '__eugpt_in ask batch' -l extract -x -d 'print only the JSON value of the answer (json) or its first fenced block (code)'
complete -c eugpt -n '__eugpt_in ask batch' -l schema -r -F -d 'accept only an answer that is JSON and fits this JSON Schema'
complete -c eugpt -n '__eugpt_in ask batch' -l check -x -d 'accept the answer only if this shell command, which reads it on stdin, exits with 0'
complete -c eugpt -n '__eugpt_in ask batch' -l again -x -d 'ask again after a rejected answer, at most N times'
complete -c eugpt -n '__eugpt_in ask' -l json -d 'print the whole response as JSON'
complete -c eugpt -n '__eugpt_in ask' -l partial -d 'print what arrived, even if the answer is incomplete or rejected'
complete -c eugpt -n '__eugpt_in chat' -l each-line -d 'send each line of standard input as a turn, in order'
complete -c eugpt -n '__eugpt_in chat' -l plain -d 'in a session, print Markdown without styling'
complete -c eugpt -n '__eugpt_in chat' -l no-history -d 'in a session, do not store what you type'
complete -c eugpt -n '__eugpt_in raw-events' -l sse -d 'print the SSE bytes unchanged'
complete -c eugpt -n '__eugpt_in raw-events' -l type -x -a 'response.created response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.output_item.done error response.completed response.failed response.incomplete' -d 'print only events whose type matches GLOB'
complete -c eugpt -n '__eugpt_in raw-events' -l trailer -d 'print a last line with the outcome and exit code'
complete -c eugpt -n '__eugpt_in batch' -l lines -d 'read a prompt from each line instead of a JSON object'
complete -c eugpt -n '__eugpt_in batch' -l files -d 'send each FILE as an item; without FILE, read the paths from standard input'
complete -c eugpt -n '__eugpt_in batch' -s j -l jobs -x -d 'set the maximum concurrency'
complete -c eugpt -n '__eugpt_in batch' -s o -l output -r -F -d 'write the rows to this file; only one run at a time can write to it'
complete -c eugpt -n '__eugpt_in batch' -l resume -d 'skip items that have a good row in the output file, and send the rest'
complete -c eugpt -n '__eugpt_in batch' -l ordered -d 'print rows in the order of the input'
complete -c eugpt -n '__eugpt_in batch' -l full -d 'add the whole response to each row'
complete -c eugpt -n '__eugpt_in batch' -l prune -d 'with --resume, remove rows of items that are no longer in the input'
complete -c eugpt -n '__eugpt_in batch' -l max-errors -x -d 'stop after N failed items'
complete -c eugpt -n '__eugpt_in batch' -l max-items -x -d 'stop after N items; exit with 91 if any are left'
complete -c eugpt -n '__eugpt_in batch' -l max-tokens -x -d 'stop once the answers have used N tokens; exit with 91 if any items are left'
complete -c eugpt -n '__eugpt_in batch' -l shard -x -d 'take only the K-th of N shares of the items, by a hash of their ids; auto reads K/N from Slurm or Kubernetes'
complete -c eugpt -n '__eugpt_in batch' -l summary -r -F -d 'write counts, tokens and times to this file as JSON, even on failure'
complete -c eugpt -n '__eugpt_in batch' -l dry-run -d 'print the request bodies and exit'
complete -c eugpt -n '__eugpt_in batch' -l curl -d 'print equivalent curl commands and exit'
complete -c eugpt -n '__eugpt_in conversation' -l base-url -x -d 'use the names of the service at this URL'
complete -c eugpt -n '__eugpt_in conversation' -l json -d 'print the list as JSON'
complete -c eugpt -n '__eugpt_in serve' -l port -x -d 'listen on this port; 0 picks a free one [default: 8399, or 0 with COMMAND]'
complete -c eugpt -n '__eugpt_in serve' -l host -x -d 'listen on this address; any address but loopback lets other machines connect'
complete -c eugpt -n '__eugpt_in serve' -l default-stream -x -a 'true false' -d 'set `stream` for requests that leave it out'
complete -c eugpt -n '__eugpt_in serve' -l key -x -d 'accept this API key [default: a new one for each run]'
complete -c eugpt -n '__eugpt_in serve' -l keys -r -F -d 'read keys and their users from this TOML file (manual: KEYS FILE)'
complete -c eugpt -n '__eugpt_in serve' -l state -x -a '(__fish_complete_directories (commandline -ct))' -d 'store conversations and quotas in this folder [default: in memory]'
complete -c eugpt -n '__eugpt_in serve' -l project -r -F -d 'serve the text and Markdown files of this folder as a project'
complete -c eugpt -n '__eugpt_in serve' -l web -x -a '(__fish_complete_directories (commandline -ct))' -d 'look up web pages in this folder: DIR/HOST/PATH is https://HOST/PATH'
complete -c eugpt -n '__eugpt_in serve' -l file -r -F -d 'serve this file as an uploaded file with this id'
complete -c eugpt -n '__eugpt_in serve' -l daily-tokens -x -d 'answer 429 once a user has used N tokens in a day (UTC)'
complete -c eugpt -n '__eugpt_in serve' -l monthly-tokens -x -d 'answer 429 once a user has used N tokens in a month (UTC)'
complete -c eugpt -n '__eugpt_in serve' -l scenario -r -F -d 'read the responses to the next requests from this TOML file (manual: SCENARIO FILES)'
complete -c eugpt -n '__eugpt_in serve' -l record -x -a '(__fish_complete_directories (commandline -ct))' -d 'store the exchanges with --upstream in this folder, without the key'
complete -c eugpt -n '__eugpt_in serve' -l upstream -x -d 'forward requests to this base URL, with EUGPT_API_KEY as the key'
complete -c eugpt -n '__eugpt_in serve' -l ca-file -r -F -d 'for --upstream, trust the certificates in this PEM file instead of the system\'s'
complete -c eugpt -n '__eugpt_in serve' -l replay -x -a '(__fish_complete_directories (commandline -ct))' -d 'answer from the exchanges that --record stored in this folder; with --record, forward other requests'
complete -c eugpt -n '__eugpt_in serve' -l journal -r -F -d 'append a line of JSON for each request, with the source of the answer'
complete -c eugpt -n '__eugpt_in serve' -l strict -d 'exit with 82 if COMMAND succeeds and leaves --scenario tables unused'
complete -c eugpt -n '__eugpt_in serve' -l cors -x -d 'let pages of this origin call the server from a browser; * allows any origin'
complete -c eugpt -n '__eugpt_in serve' -s v -l verbose -d 'log each request on stderr'
complete -c eugpt -n '__eugpt_in config' -l path -d 'print only the path of config.toml'
complete -c eugpt -n '__eugpt_in batch' -r -F
complete -c eugpt -n '__eugpt_at -eq 1 conversation' -x -a 'list name forget'
complete -c eugpt -n '__eugpt_at -ge 2 conversation' -x -a '(__eugpt_conversations)'
complete -c eugpt -n __eugpt_after_dashes -x -a '(__eugpt_subcommand)'
complete -c eugpt -n '__eugpt_in exit-codes' -x -a '0 ok 1 internal 2 usage 30 config 31 input 32 output 33 busy 40 bad_request 41 unauthorized 43 forbidden 44 not_found 49 quota 50 server_error 52 bad_gateway 53 unavailable 54 gateway_timeout 60 unreachable 61 timeout 62 truncated 63 not_the_api 80 failed 81 incomplete 82 rejected 90 partial 91 budget 129 sighup 130 sigint 141 sigpipe 143 sigterm'
complete -c eugpt -n '__eugpt_in help' -x -a 'ask stream chat raw-events batch conversation serve config doctor exit-codes man help'
