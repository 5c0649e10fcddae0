# Runs a command with some of its streams on a terminal of 100 columns, and prints what the terminal
# got. The first argument says which streams: "2" or "12"; the second is where the rest of the output
# goes.
import fcntl, os, pty, struct, subprocess, sys, termios

streams, other, command = sys.argv[1], sys.argv[2], sys.argv[3:]
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
with open(other, "wb") as output:
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs if "1" in streams else output,
        stderr=theirs,
    )
os.close(theirs)
got = bytearray()
while True:
    try:
        part = os.read(ours, 65536)
    except OSError:  # the last one who had the terminal open is gone
        break
    if not part:
        break
    got += part
sys.stdout.buffer.write(got)
sys.exit(child.wait())
