# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_auditrd_global_optspecs
    string join \n i/input= j/jobs= unicast prime= prime-from= prime-snapshot= rules= recv-buffer= backlog-limit= min= max= events= drop= keep= filter= aggregate= redact= no-args enrich= o/output= max-size= max-files= fsync= format= pretty max-line= queue= event-timeout= max-out-of-order= user= group= no-confine stats-interval= heartbeat= metrics-file= v/verbose q/quiet h/help V/version
end

function __fish_auditrd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_auditrd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_auditrd_using_subcommand
    set -l cmd (__fish_auditrd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c auditrd -n "__fish_auditrd_needs_command" -s i -l input -d 'Replay a log instead of listening; - is standard input, and a directory stands for the files in it; several files are read in the order of their first records' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -s j -l jobs -d 'Replay this many inputs at the same time, each as the log of a host of its own, and write their events in the order of the inputs; the files of a directory are one input' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l prime -d 'Read the names of all files below a directory at the start, so that paths can be resolved by them; repeatable' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l prime-from -d 'Take the names from a file that --prime-snapshot wrote, instead of reading the directories' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l prime-snapshot -d 'Write the names that --prime reads to a file, and exit' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l rules -d 'Turn auditing on and load these rules for as long as auditrd runs; default stands for those that come with it' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l recv-buffer -d 'Size of the socket\'s receive buffer; accepts the suffixes K, M and G' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l backlog-limit -d 'Raise the kernel\'s backlog limit to at least this many records while registered (--unicast)' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l min -d 'Lowest record type to keep, by number or name [USER_AUTH; all with --events audit]' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l max -d 'Highest record type to keep, by number or name [AVC; all with --events audit]' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l events -d 'Kinds of events to write, separated by commas; audit is everything that is of no other kind' -r -f -a "process\t''
fim\t''
user\t''
socket\t''
audit\t''
all\t''"
complete -c auditrd -n "__fish_auditrd_needs_command" -l drop -d 'Leave out events that meet an expression, such as exe=/opt/agent/*,uid=0; repeatable' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l keep -d 'Write events that meet an expression even if --drop or --filter, of which it needs one, would leave them out; repeatable' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l filter -d 'Read expressions from a file, one in a line: drop EXPR or keep EXPR; SIGHUP reads it again' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l aggregate -d 'Write one line for events that repeat within this time: the first event at once, and at the end of the time the last one, with the number of those after the first' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l redact -d 'Take secrets out of command lines and messages: default for those of known programs and forms, PROGRAM:OPTION for the value of an option of your own, such as backup:--pin; several are separated by commas' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l enrich -d 'Facts to add to events, separated by commas: all, none, or single keys; names=nss asks the directory services for all names at the start, instead of /etc/passwd and /etc/group' -r -f -a "all\t''
none\t''
parent\t''
entity_id\t''
ancestors\t''
login\t''
names\t''
container\t''
unit\t''
script\t''
names=nss\t''"
complete -c auditrd -n "__fish_auditrd_needs_command" -s o -l output -d 'Append events to a file, created with mode 0600; - is standard output' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l max-size -d 'Rotate the output file before it grows past this size, at least 4K [no limit]' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l max-files -d 'Number of rotated files to keep (FILE.1 is the newest), from 1 to 9999; needs --max-size [5]' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l fsync -d 'When to fsync the output file' -r -f -a "never\t'Leave it to the kernel'
interval\t'About once a second'
always\t'After every write'"
complete -c auditrd -n "__fish_auditrd_needs_command" -l format -d 'Output format: auditrd\'s own keys, the Elastic Common Schema, the Open Cybersecurity Schema Framework, or go-audit\'s message groups' -r -f -a "auditrd\t''
ecs\t''
ocsf\t''
raw\t''"
complete -c auditrd -n "__fish_auditrd_needs_command" -l max-line -d 'Cut the texts of an event so that its line is no longer than this, at least 4K, and mark it as truncated [no limit]' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l queue -d 'Memory for events waiting to be written, from 64K to 4G; if live events need more, the oldest are dropped and counted' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l event-timeout -d 'Write an event as incomplete if its last record has not arrived after this long' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l max-out-of-order -d 'How far out of order a serial may arrive before it is counted as missing' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l user -d 'Switch to this user, by name or number, once everything is open' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l group -d 'Switch to this group instead of the user\'s primary group' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l stats-interval -d 'Print the counters to standard error at this interval' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l heartbeat -d 'Write a status event at the start, at this interval, at the end, and when the kernel\'s audit system was changed' -r
complete -c auditrd -n "__fish_auditrd_needs_command" -l metrics-file -d 'Write the counters to a Prometheus text file, every 15s or at --stats-interval' -r -F
complete -c auditrd -n "__fish_auditrd_needs_command" -l unicast -d 'Register as the kernel\'s audit daemon; needs CAP_AUDIT_CONTROL and no other running daemon'
complete -c auditrd -n "__fish_auditrd_needs_command" -l no-args -d 'Leave out all arguments of programs but the first, their name'
complete -c auditrd -n "__fish_auditrd_needs_command" -l pretty -d 'Human-readable, aligned output; coloured on a terminal'
complete -c auditrd -n "__fish_auditrd_needs_command" -l no-confine -d 'Do not sandbox the process with seccomp and Landlock; capabilities are still dropped'
complete -c auditrd -n "__fish_auditrd_needs_command" -s v -l verbose -d 'Log more to standard error; -vv logs even more'
complete -c auditrd -n "__fish_auditrd_needs_command" -s q -l quiet -d 'Log less to standard error; -qq logs nothing'
complete -c auditrd -n "__fish_auditrd_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c auditrd -n "__fish_auditrd_needs_command" -s V -l version -d 'Print version'
complete -c auditrd -n "__fish_auditrd_needs_command" -a "check" -d 'List everything that keeps events from arriving, with a remedy for each; changes nothing'
complete -c auditrd -n "__fish_auditrd_needs_command" -a "rules" -d 'Check, load, list and compare audit rules, in the language of auditctl'
complete -c auditrd -n "__fish_auditrd_using_subcommand check" -l expect -d 'Check whether the loaded rules are those of these files; a directory stands for its *.rules, and the word default for the rules that come with auditrd' -r -F
complete -c auditrd -n "__fish_auditrd_using_subcommand check" -s o -l output -d 'Check whether events could be appended to this file' -r -F
complete -c auditrd -n "__fish_auditrd_using_subcommand check" -l json -d 'Print one JSON object instead of text'
complete -c auditrd -n "__fish_auditrd_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and not __fish_seen_subcommand_from check load list diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and not __fish_seen_subcommand_from check load list diff" -f -a "check" -d 'Say what is wrong with rules, each with its line and column; needs no rights'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and not __fish_seen_subcommand_from check load list diff" -f -a "load" -d 'Load rules, all or none of them; other rules are kept, unless -D deletes them'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and not __fish_seen_subcommand_from check load list diff" -f -a "list" -d 'Print the loaded rules, as auditctl -l does'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and not __fish_seen_subcommand_from check load list diff" -f -a "diff" -d 'Print how the loaded rules differ from those of files; exits with 1 if they do'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from check" -l json -d 'Print a JSON object for each problem'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from load" -l immutable -d 'Allow what cannot be undone until the next boot: -e 2 and --loginuid-immutable'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from load" -s h -l help -d 'Print help'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c auditrd -n "__fish_auditrd_using_subcommand rules; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
