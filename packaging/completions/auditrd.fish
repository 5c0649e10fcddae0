complete -c auditrd -s i -l input -d 'Replay a log instead; - is standard input, and several are read one after the other' -r -F
complete -c auditrd -l recv-buffer -d 'Size of the socket\'s receive buffer; K, M and G are understood' -r
complete -c auditrd -l backlog-limit -d 'Records that may wait in the kernel while we are its audit daemon, if it is not more already' -r
complete -c auditrd -l min -d 'Lowest type of record to keep, as a number or a name' -r
complete -c auditrd -l max -d 'Highest type of record to keep' -r
complete -c auditrd -l events -d 'Kinds of events to write' -r -f -a "process\t''
fim\t''
user\t''"
complete -c auditrd -s o -l output -d 'Append to a file, made with mode 0600; - is standard output' -r -F
complete -c auditrd -l max-size -d 'Begin a new file before one grows over this; K, M and G are understood [no limit]' -r
complete -c auditrd -l max-files -d 'Keep so many old files, FILE.1 the newest; with --max-size [5]' -r
complete -c auditrd -l fsync -d 'When to have the disk take what was written' -r -f -a "never\t'Leave it to the kernel'
interval\t'About every second'
always\t'After every write'"
complete -c auditrd -l format -d 'How events are written: auditrd\'s own keys, Elastic Common Schema, or go-audit\'s groups' -r -f -a "auditrd\t''
ecs\t''
raw\t''"
complete -c auditrd -l max-line -d 'Cut argv, commandline and fields so that a line stays under this; at least 4K [no limit]' -r
complete -c auditrd -l queue -d 'Events between the reading and the writing thread; when live ones need more than this, the oldest are dropped and counted' -r
complete -c auditrd -l event-timeout -d 'Finish an event whose end does not come after this long' -r
complete -c auditrd -l max-out-of-order -d 'Count a serial as missing that is late by more than this' -r
complete -c auditrd -l user -d 'Change to this user once everything is open; its name or number' -r
complete -c auditrd -l group -d 'Change to this group, in place of the user\'s own' -r
complete -c auditrd -l stats-interval -d 'Print the counters to standard error this often' -r
complete -c auditrd -l metrics-file -d 'Write the counters to a file for Prometheus, every 15s or at the stats interval' -r -F
complete -c auditrd -l unicast -d 'Register as the kernel\'s audit daemon; needs CAP_AUDIT_CONTROL and that no other one runs'
complete -c auditrd -l pretty -d 'Write events as aligned rows for eyes, coloured on a terminal'
complete -c auditrd -l no-confine -d 'Do not confine system calls and files (seccomp, Landlock); capabilities are dropped all the same'
complete -c auditrd -s v -l verbose -d 'Say more on standard error; -vv even more'
complete -c auditrd -s q -l quiet -d 'Say less on standard error; -qq nothing'
complete -c auditrd -s h -l help -d 'Print help (see more with \'--help\')'
complete -c auditrd -s V -l version -d 'Print version'
