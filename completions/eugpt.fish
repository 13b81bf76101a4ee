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
complete -c eugpt -n __eugpt_no_command -l version -d 'tell the version, and exit'
complete -c eugpt -n __eugpt_no_command -s h -l help -d 'tell what there is, and exit'
complete -c eugpt -n __eugpt_no_command -a ask -d 'Print one answer, once it is complete.'
complete -c eugpt -n __eugpt_no_command -a stream -d 'Print the answer as it arrives.'
complete -c eugpt -n __eugpt_no_command -a chat -d 'Continue a conversation that the service stores.'
complete -c eugpt -n __eugpt_no_command -a raw-events -d 'Print every event as one line of JSON.'
complete -c eugpt -n __eugpt_no_command -a batch -d 'Send many requests at once, and resume after a failure.'
complete -c eugpt -n __eugpt_no_command -a conversation -d 'List, set and forget the names of conversations.'
complete -c eugpt -n __eugpt_no_command -a serve -d 'Run a local server for the same API, without an account.'
complete -c eugpt -n __eugpt_no_command -a config -d 'Print every setting, its value and where it comes from.'
complete -c eugpt -n __eugpt_no_command -a doctor -d 'Check settings, key, network and service, step by step.'
complete -c eugpt -n __eugpt_no_command -a exit-codes -d 'Print the table of exit codes, or one row of it.'
complete -c eugpt -n __eugpt_no_command -a man -d 'Show the manual.'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation serve config doctor exit-codes man' -l errors -x -a 'text json' -d 'form of the error line'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation serve config doctor exit-codes man' -s h -l help -d 'tell what there is, and exit'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation config doctor' -l profile -x -a '(__eugpt_profiles)' -d 'take settings from this profile of config.toml'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation doctor' -l base-url -x -d 'where the service is'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l api-key-file -r -F -d 'read the key from a file'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l ca-file -r -F -d 'trust these certificates instead of the system\'s'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l client-cert -r -F -d 'present this client certificate (PEM, with its key or --client-key)'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l client-key -r -F -d 'the key of the client certificate (PEM, without a passphrase)'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l connect-timeout -x -d 'longest wait for a connection'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch doctor' -l timeout -x -d 'longest silence of the service (stream 120, otherwise 600)'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch conversation' -s q -l quiet -d 'no notes on stderr'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s i -l instructions -x -a '(__eugpt_at_files)' -d 'system prompt; @FILE reads it from a file'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s c -l conversation -x -a '(__eugpt_conversations)' -d 'go on in this conversation'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l lock-wait -x -d 'longest wait for other runs on this machine that are using the conversation'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s p -l project -x -d 'ground the answer in this project\'s files'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s f -l file -r -F -d 'inline a local text file; - is stdin'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l file-id -x -d 'a file already uploaded'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s I -l no-stdin -d 'never read standard input'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l log -r -F -d 'append a line about the run to this journal, also on failure'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l label -x -d 'put this label into the journal\'s line'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l max-time -x -d 'longest time for the whole run'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l retries -x -d 'how often to try again'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -l retry-unsafe -d 'retry also where a turn may then be stored twice'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events batch' -s v -l verbose -d 'tell request, response, retries and tools on stderr'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l require-input -d 'fail if standard input or a file is empty'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -s o -l output -r -F -d 'write the answer to this file, all or nothing'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l meta -r -F -d 'write the facts of the run to this file, also on failure'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l dry-run -d 'print the request body and exit'
complete -c eugpt -n '__eugpt_in ask stream chat raw-events' -l curl -d 'print an equivalent curl command and exit'
complete -c eugpt -n '__eugpt_in config doctor exit-codes' -l json -d 'as JSON'
complete -c eugpt -n '__eugpt_in ask batch' -l extract -x -d 'print only the JSON value or the first fenced block'
complete -c eugpt -n '__eugpt_in ask batch' -l schema -r -F -d 'accept only JSON that is valid against this JSON Schema'
complete -c eugpt -n '__eugpt_in ask batch' -l check -x -d 'accept only what this shell command accepts as its input'
complete -c eugpt -n '__eugpt_in ask batch' -l again -x -d 'ask again after a rejected answer, at most N times'
complete -c eugpt -n '__eugpt_in ask' -l json -d 'print the whole response document'
complete -c eugpt -n '__eugpt_in ask' -l partial -d 'print what has arrived also on failure'
complete -c eugpt -n '__eugpt_in chat' -l each-line -d 'each line of standard input is a turn, in order'
complete -c eugpt -n '__eugpt_in chat' -l plain -d 'in a session, show answers without Markdown\'s styles'
complete -c eugpt -n '__eugpt_in chat' -l no-history -d 'in a session, do not keep what you type'
complete -c eugpt -n '__eugpt_in raw-events' -l sse -d 'pass the SSE bytes through untouched'
complete -c eugpt -n '__eugpt_in raw-events' -l type -x -a 'response.created response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.output_item.done error response.completed response.failed response.incomplete' -d 'only events whose type matches'
complete -c eugpt -n '__eugpt_in raw-events' -l trailer -d 'end with a line that tells the outcome'
complete -c eugpt -n '__eugpt_in batch' -l lines -d 'each line is a prompt, instead of a JSON object'
complete -c eugpt -n '__eugpt_in batch' -l files -d 'each FILE is an item; without FILE, read paths from standard input, one a line'
complete -c eugpt -n '__eugpt_in batch' -s j -l jobs -x -d 'maximum concurrency, lowered while the service pushes back'
complete -c eugpt -n '__eugpt_in batch' -s o -l output -r -F -d 'write the rows to this file; one run at a time'
complete -c eugpt -n '__eugpt_in batch' -l resume -d 'continue the output file: skip what succeeded, run the rest'
complete -c eugpt -n '__eugpt_in batch' -l ordered -d 'rows in the order of the input'
complete -c eugpt -n '__eugpt_in batch' -l full -d 'rows with the whole response document'
complete -c eugpt -n '__eugpt_in batch' -l prune -d 'with --resume, drop the rows of items that are no longer in the input'
complete -c eugpt -n '__eugpt_in batch' -l max-errors -x -d 'stop after N failed items'
complete -c eugpt -n '__eugpt_in batch' -l max-items -x -d 'stop after N items; exit 91 if more are left'
complete -c eugpt -n '__eugpt_in batch' -l max-tokens -x -d 'stop when the answers have taken N tokens; exit 91 if items are left'
complete -c eugpt -n '__eugpt_in batch' -l shard -x -d 'only the K-th of N shares of the items, by a hash of their ids; auto asks Slurm or Kubernetes'
complete -c eugpt -n '__eugpt_in batch' -l summary -r -F -d 'write counts, tokens and times to this file, also on failure'
complete -c eugpt -n '__eugpt_in batch' -l dry-run -d 'print the request bodies and exit'
complete -c eugpt -n '__eugpt_in batch' -l curl -d 'print equivalent curl commands and exit'
complete -c eugpt -n '__eugpt_in conversation' -l json -d 'the list as a JSON array'
complete -c eugpt -n '__eugpt_in serve' -l port -x -d 'port to listen on; 0 picks a free one [default: 8399; with COMMAND 0]'
complete -c eugpt -n '__eugpt_in serve' -l host -x -d 'address to listen on; any but loopback lets other machines in'
complete -c eugpt -n '__eugpt_in serve' -l default-stream -x -a 'true false' -d 'the value of `stream` in a request that leaves it out'
complete -c eugpt -n '__eugpt_in serve' -l key -x -d 'API key to accept; without it one is made up for this run'
complete -c eugpt -n '__eugpt_in serve' -l keys -r -F -d 'TOML file of keys and their users (manual: KEYS FILE)'
complete -c eugpt -n '__eugpt_in serve' -l state -x -a '(__fish_complete_directories (commandline -ct))' -d 'keep conversations and quotas here; else they end with the server'
complete -c eugpt -n '__eugpt_in serve' -l project -r -F -d 'a project_id and the folder of its text and Markdown files'
complete -c eugpt -n '__eugpt_in serve' -l web -x -a '(__fish_complete_directories (commandline -ct))' -d 'folder that stands for the web: DIR/HOST/PATH is https://HOST/PATH'
complete -c eugpt -n '__eugpt_in serve' -l file -r -F -d 'the file_id of an uploaded file, and the file'
complete -c eugpt -n '__eugpt_in serve' -l daily-tokens -x -d 'tokens a user may use a day (UTC), then 429'
complete -c eugpt -n '__eugpt_in serve' -l monthly-tokens -x -d 'tokens a user may use a month (UTC), then 429'
complete -c eugpt -n '__eugpt_in serve' -l scenario -r -F -d 'TOML file of what the next requests get (manual: SCENARIO FILES)'
complete -c eugpt -n '__eugpt_in serve' -l record -x -a '(__fish_complete_directories (commandline -ct))' -d 'store the exchanges with --upstream here, the key removed'
complete -c eugpt -n '__eugpt_in serve' -l upstream -x -d 'base URL of the service that answers, asked with EUGPT_API_KEY'
complete -c eugpt -n '__eugpt_in serve' -l replay -x -a '(__fish_complete_directories (commandline -ct))' -d 'answer with the exchanges that --record stored here'
complete -c eugpt -n '__eugpt_in serve' -s v -l verbose -d 'a line for each request on stderr'
complete -c eugpt -n '__eugpt_in config' -l path -d 'print only where config.toml is looked for'
complete -c eugpt -n '__eugpt_in batch' -r -F
complete -c eugpt -n '__eugpt_at -eq 1 conversation' -x -a 'list name forget'
complete -c eugpt -n '__eugpt_at -ge 2 conversation' -x -a '(__eugpt_conversations)'
complete -c eugpt -n __eugpt_after_dashes -x -a '(__eugpt_subcommand)'
complete -c eugpt -n '__eugpt_in exit-codes' -x -a '0 ok 1 internal 2 usage 30 config 31 input 32 output 33 busy 40 bad_request 41 unauthorized 43 forbidden 44 not_found 49 quota 50 server_error 52 bad_gateway 53 unavailable 54 gateway_timeout 60 unreachable 61 timeout 62 truncated 63 not_the_api 80 failed 81 incomplete 82 rejected 90 partial 91 budget 129 sighup 130 sigint 141 sigpipe 143 sigterm'
