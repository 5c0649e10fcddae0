-- Views of auditrd's events for SQLite, with the fields that Sigma rules ask for. The table `events`
-- has one event line in each row:
--
--   CREATE TABLE events (line TEXT);
--   .mode tabs
--   .import events.json events
--
-- or, from a program, one INSERT for each line.

-- Sigma's rules for auditd ask for the fields of one record, so each record of an event has a row.
CREATE VIEW auditd AS
WITH event AS (
    SELECT line, json_extract(line, '$.name') AS name FROM events
)
-- The record of the call.
SELECT line,
    json_extract(line, '$.timestamp') AS timestamp,
    'SYSCALL' AS type,
    json_extract(line, '$.syscall') AS SYSCALL,
    json_extract(line, '$.comm') AS comm,
    json_extract(line, '$.exectuable') AS exe,
    json_extract(line, '$.key') AS key,
    json_extract(line, '$.uid') AS uid,
    json_extract(line, '$.euid') AS euid,
    json_extract(line, '$.success') AS success,
    NULL AS name, NULL AS nametype, NULL AS unit, NULL AS proctitle,
    json_extract(line, '$.records.SYSCALL[0].a0') AS a0,
    json_extract(line, '$.records.SYSCALL[0].a1') AS a1,
    json_extract(line, '$.records.SYSCALL[0].a2') AS a2,
    json_extract(line, '$.records.SYSCALL[0].a3') AS a3,
    NULL AS a4, NULL AS a5, NULL AS a6, NULL AS a7
FROM event WHERE json_extract(line, '$.type') = 'SYSCALL'
UNION ALL
-- The arguments of a program.
SELECT line, json_extract(line, '$.timestamp'), 'EXECVE',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    json_extract(line, '$.argv[0]'), json_extract(line, '$.argv[1]'),
    json_extract(line, '$.argv[2]'), json_extract(line, '$.argv[3]'),
    json_extract(line, '$.argv[4]'), json_extract(line, '$.argv[5]'),
    json_extract(line, '$.argv[6]'), json_extract(line, '$.argv[7]')
FROM event WHERE json_extract(line, '$.argv') IS NOT NULL
UNION ALL
-- The file of a call, and the second of two.
SELECT line, json_extract(line, '$.timestamp'), 'PATH',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    json_extract(line, '$.path'),
    CASE json_extract(line, '$.action')
        WHEN 'created' THEN 'CREATE' WHEN 'deleted' THEN 'DELETE' WHEN 'renamed' THEN 'DELETE'
        ELSE 'NORMAL'
    END,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM event WHERE json_extract(line, '$.path') IS NOT NULL
UNION ALL
SELECT line, json_extract(line, '$.timestamp'), 'PATH',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, json_extract(line, '$.dest_path'), 'CREATE',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM event WHERE json_extract(line, '$.dest_path') IS NOT NULL
UNION ALL
-- The title of the process.
SELECT line, json_extract(line, '$.timestamp'), 'PROCTITLE',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, json_extract(line, '$.commandline'),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM event WHERE json_extract(line, '$.commandline') IS NOT NULL
UNION ALL
-- A record that is an event of its own.
SELECT line, json_extract(line, '$.timestamp'), json_extract(line, '$.type'),
    NULL, json_extract(line, '$.comm'), json_extract(line, '$.exectuable'),
    json_extract(line, '$.key'), json_extract(line, '$.uid'), NULL,
    json_extract(line, '$.success'), NULL, NULL,
    json_extract(line, '$.fields.unit'), NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM event WHERE json_extract(line, '$.type') <> 'SYSCALL';

-- Programs that were started.
CREATE VIEW process_creation AS
SELECT line,
    json_extract(line, '$.timestamp') AS timestamp,
    json_extract(line, '$.exectuable') AS Image,
    json_extract(line, '$.commandline') AS CommandLine,
    json_extract(line, '$.cwd') AS CurrentDirectory,
    json_extract(line, '$.parent.exe') AS ParentImage,
    json_extract(line, '$.parent.commandline') AS ParentCommandLine,
    json_extract(line, '$.pid') AS ProcessId,
    json_extract(line, '$.ppid') AS ParentProcessId,
    coalesce(json_extract(line, '$.names.uid'),
        CASE json_extract(line, '$.uid') WHEN 0 THEN 'root'
        ELSE json_extract(line, '$.uid') END) AS User,
    json_extract(line, '$.auid') AS LogonId
FROM events
WHERE json_extract(line, '$.name') = 'process_event'
    AND json_extract(line, '$.argv') IS NOT NULL
    AND json_extract(line, '$.success') = 'yes';

-- Files that were created, or came to be under a name.
CREATE VIEW file_event AS
SELECT line,
    json_extract(line, '$.timestamp') AS timestamp,
    coalesce(json_extract(line, '$.dest_path'), json_extract(line, '$.path')) AS TargetFilename,
    json_extract(line, '$.exectuable') AS Image,
    coalesce(json_extract(line, '$.names.uid'), json_extract(line, '$.uid')) AS User
FROM events
WHERE json_extract(line, '$.name') = 'fim_event'
    AND json_extract(line, '$.action') IN ('created', 'renamed', 'linked', 'symlinked')
    AND json_extract(line, '$.success') = 'yes';

-- Connections that were made or accepted.
CREATE VIEW network_connection AS
SELECT line,
    json_extract(line, '$.timestamp') AS timestamp,
    json_extract(line, '$.exectuable') AS Image,
    json_extract(line, '$.remote_address') AS DestinationIp,
    json_extract(line, '$.remote_port') AS DestinationPort,
    NULL AS DestinationHostname,
    CASE json_extract(line, '$.action') WHEN 'connect' THEN 'true' ELSE 'false' END AS Initiated,
    coalesce(json_extract(line, '$.names.uid'), json_extract(line, '$.uid')) AS User
FROM events
WHERE json_extract(line, '$.name') = 'socket_event'
    AND json_extract(line, '$.action') IN ('connect', 'accept')
    -- Of an operation of io_uring, no record tells whether it succeeded.
    AND coalesce(json_extract(line, '$.status'), 'succeeded') IN ('succeeded', 'in_progress');
