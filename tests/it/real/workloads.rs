//! What programs do to files, each kind in a directory of its own.
//!
//! A script ends at its first failure. What it means to fail says so. Symbolic links that are names
//! in the way may come and go as they like.

/// A script of sh(1), and what is there before the binary listens.
pub(super) struct Workload {
    /// Also the name of its directory.
    pub(super) name: &'static str,
    /// Programs that not every machine has.
    pub(super) needs: &'static [&'static str],
    pub(super) before: &'static str,
    pub(super) work: &'static str,
}

/// The programs that some workload needs and that are not there.
pub(super) fn lacking(has: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static str> {
    let needed = WORKLOADS.iter().flat_map(|workload| workload.needs);
    let mut lacking: Vec<_> = needed.copied().filter(|program| !has(program)).collect();
    lacking.sort_unstable();
    lacking.dedup();
    lacking.into_iter()
}

const PYTHON: &str = "/usr/bin/python3";

/// Makes directories of some depth with a file or two in each.
macro_rules! trees {
    ($names:literal) => {
        concat!(
            "for t in ",
            $names,
            "; do mkdir -p $t/a/b/c $t/d \"$t/e f\"; ",
            "for d in $t $t/a $t/a/b $t/a/b/c $t/d \"$t/e f\"; do ",
            "echo 1 >\"$d/1\"; echo 2 >\"$d/2.c\"; done; done; "
        )
    };
}

/// Runs a script of Python.
macro_rules! python {
    ($script:literal) => {
        concat!("/usr/bin/python3 - <<'END'\n", $script, "\nEND\n")
    };
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "remove",
        needs: &[],
        before: trees!("t1 t2 t3 t4 t5 t6"),
        work: r#"
            rm -rf t1; rm -r t2/a "t2/e f"; rm -rf ./t3/ "$PWD/t4"
            (cd t5 && rm -rf *); rmdir t5
            rm t6/1 t6/a/1 ./t6//d/1 t6/a/../2.c; rm -rf t6/a/b/../../d"#,
    },
    Workload {
        name: "attributes",
        needs: &[],
        before: trees!("t1 t2 t3 t4"),
        work: r#"
            chmod -R go-w t1; chown -R 0:0 t2; chgrp -R 0 ./t3/; chmod -R u+x "$PWD/t4"
            chmod 600 t1/a/1 t1/d/2.c; cd t1/a; chmod 700 . .. b ../d; chown 0 1 ../1"#,
    },
    Workload {
        name: "find",
        needs: &["find"],
        before: trees!("t1 t2 t3 t4 t5"),
        work: r#"
            find t1 -type f -delete; find t2 -delete; find "$PWD/t3" -name 1 -delete
            find t4 -name 1 -exec rm {} +; find t4 -name 2.c -execdir chmod 600 {} ';'
            find t5 -name 1 -print0 | xargs -0 rm; find t5 -depth -type d -empty -delete"#,
    },
    Workload {
        name: "move",
        needs: &[],
        before: trees!("t1 t2 t3 t4"),
        work: r#"
            mv t1/1 t2/d; mv t1/2.c t1/a "t2/e f"; mv -T t1/d t3/new; mv -t t3 t2/1 t2/2.c
            mv t3/1 .; mv t3 "t 3"; echo x >"t 3/a/x"; mv -f "t 3/a/x" "t 3/a/1"
            (cd "t 3/a" && mv 1 .. && mv ../1 b/c/one && mv b ../moved)
            mv t4 t2/a/b; mv -n t2/a/b/t4/1 t2/a/b/t4/2.c; mv t2/a/b/t4/a/. t9 || true
            mkdir s1/ && mv s1/ s2/ && rmdir s2//"#,
    },
    Workload {
        name: "copy",
        needs: &[],
        before: trees!("t1 t2"),
        work: r#"
            cp -r t1 t3; cp -a t1/. t4; cp t1/1 t2; cp -f t1/a/1 t2/a/2.c
            cp --remove-destination t1/d/1 t2/d/1; cp -al t1 t5; cp -rs "$PWD/t1" t6
            install -D -m 600 t1/1 t7/a/b/1; install -d t8/x/y; install -t t8 t1/1 t1/2.c
            echo more >>t5/1; rm -rf t5; cp -rT t2 t3"#,
    },
    Workload {
        name: "tar",
        needs: &["tar"],
        before: concat!(trees!("t1 t2 t3"), "tar cf all.tar t1 t2; rm t2/a/1"),
        work: r#"
            tar xf all.tar; mkdir out; tar xf all.tar -C out; tar cf new.tar -C t3 .
            tar xf new.tar -C t1; tar xf all.tar --strip-components=1 -C out t1/a
            tar czf z.tgz t1; tar xzf z.tgz -C t3 --unlink-first; tar rf new.tar t1/1
            tar cf - t2 | (cd out && tar xpf -); tar xf all.tar --recursive-unlink t2
            tar cf gone.tar --remove-files t3"#,
    },
    Workload {
        name: "zip",
        needs: &["zip", "unzip"],
        before: trees!("t1 t2"),
        work: "zip -qr a.zip t1; rm t1/1; unzip -qo a.zip; unzip -qo a.zip -d t2; zip -qd a.zip t1/1",
    },
    Workload {
        name: "git",
        needs: &["git"],
        before: concat!(
            trees!("src"),
            "git init -q old; cp -r src old; cd old; git config gc.auto 0; git add -A; \
             git -c user.name=a -c user.email=a@b commit -qm one; mkdir -p junk/deep; \
             echo 1 >junk/1; echo 2 >junk/deep/2; echo 3 >src/3.o"
        ),
        work: r#"
            git init -q new; cd new; git config gc.auto 0; git config user.name a
            git config user.email a@b; cp -r ../src .; git add -A; git commit -qm one
            git mv src/a src/z; git rm -q src/1; git commit -qam two; git checkout -q -b x HEAD~1
            git gc -q; git clone -q . ../clone; git reset -q --hard HEAD; rm -rf ../clone
            cd ../old; git clean -qfdx; rm -rf src/a; git checkout -q -- src; git stash -q || true
            git worktree add -q ../tree; git worktree remove ../tree; cd ..; rm -rf old new/.git"#,
    },
    Workload {
        name: "edit",
        needs: &["ed", "patch", "perl", "vim.basic"],
        before: concat!(
            trees!("t1"),
            "cd t1; seq 40 >1; ln -s ../1 a/up; printf '%s\n' 1 w q >ed"
        ),
        work: r#"
            sed -i s/3/x/ t1/1; sed -i.bak s/4/y/ t1/2.c t1/a/1; sed -i --follow-symlinks s/5/z/ t1/a/up
            perl -pi -e s/6/w/ t1/1; perl -i.old -pe s/7/v/ t1/d/1; ed -s t1/1 <t1/ed
            cp t1/1 t1/new; echo 41 >>t1/new; diff -u t1/1 t1/new >p || true; patch -s t1/1 <p
            vim.basic -u NONE -es -c 'set backup writebackup' -c 's/1/one/' -c wq t1/1
            vim.basic -u NONE -es -c 'set backupcopy=no' -c 's/2/two/' -c wq t1/a/2.c
            sort -o t1/1 t1/1; truncate -s 10 t1/1; fallocate -l 100 t1/2.c; touch -d yesterday t1/1
            dd if=/dev/zero of=t1/1 bs=1 count=3 conv=notrunc 2>/dev/null; tee t1/d/2.c <p >/dev/null"#,
    },
    Workload {
        name: "make",
        needs: &["make", "cc", "ar"],
        before: "for i in a b c; do echo \"int $i(void){return 0;}\" >$i.c; done; mkdir sub",
        work: r#"
            printf 'all: a.o b.o c.o\n\tar rcs l.a $^\n%%.o: %%.c\n\tcc -c $< -o $@.t && mv $@.t $@\n' >Makefile
            make -s -j2; mv a.o sub; mv b.o c.o sub/; (cd sub && ar rcs ../m.a *.o && rm -f *.o)
            cc -g -c a.c; ln -f a.o sub/b.o; ar d m.a a.o; install -m 644 m.a sub; rm -r sub"#,
    },
    Workload {
        name: "shell",
        needs: &["mktemp"],
        before: trees!("old"),
        work: r#"
            for i in 1 2 3; do mkdir -p d/$i/e; (cd d/$i && echo x >f && (cd e && echo y >../g; mv ../g h)); done
            cd d && mv 1 one && echo z >one/e/new && cd ..
            t=$(mktemp -d ./tt.XXXXXX); echo a >"$t/b"; mktemp -p "$t" >/dev/null; rm -r "$t"
            (exec 7>d/seven; echo 1 >&7; exec 8>&7 7>&-; chmod 600 d/seven; echo 2 >&8; mv d/seven d/eight; echo 3 >&8)
            echo 1 | tee old/a/1 | (cd old && cat >b; cd a && cat >c </dev/null); : >old/2.c; >old/d/1 echo
            (cd old/a && rm -rf ../d && cd .. && mv a b2 && cd b2/b && echo w >w); set -C; echo n >old/fresh"#,
    },
    Workload {
        name: "links",
        needs: &[],
        before: "mkdir -p real/deep/er plain other; ln -s real/deep link; ln -s ../plain real/up; \
                 ln -s ../../plain real/deep/side; ln -s link chain; ln -s \"$PWD/plain\" abs; \
                 for f in real/one plain/one real/deep/one other/one; do echo 1 >$f; done; \
                 ln -s ../other/one plain/file; ln -s missing plain/dangling",
        work: r#"
            echo a >link/new; echo b >link/../two; mv link/../two plain/two; rm link/../one
            mkdir link/../sub; rmdir link/../sub; chmod 600 link/new chain/one; ln plain/one link/../hard
            (cd link && echo c >../three && rm new); rm -f real/up/one real/hard; echo d >chain/er/d
            (cd -P link; mv ../three ../four); echo e >abs/e; mv abs/e chain/er/e; rm -r chain/er
            chmod 600 plain/file; echo f >>plain/file; rm plain/file; echo g >plain/dangling
            echo h >link/side/h; rm link/side/h; ln -sfn plain link; echo i >link/i; mv link moved
            echo j >moved/j; rm chain; ln -s real renamed; mv real realer; ln -sfn realer renamed
            echo k >renamed/deep/k; rm -r renamed/deep/../deep; echo l >other/../abs/../l"#,
    },
    Workload {
        name: "hardlinks",
        needs: &[],
        before: "mkdir a b c; echo 1 >a/one; ln a/one b/two; ln a/one c/one; echo 2 >a/2; \
                 for i in 1 2 3 4 5; do ln a/2 c/$i; done; mkdir farm; cp -al c farm/c",
        work: r#"
            chmod 600 a/one; chmod 640 b/two; rm a/one; chmod 644 c/one; mv b/two b/three; ln c/one a/again
            rm -rf farm; ln c/1 b/x; mv -f c/2 b/y; mv b/y c/3 || rm b/y; chmod -R u+x c; chown -R 0 b; ln -f c/4 b/z; mv a/again b/z; rm c/1 a/2
            cd c && rm 5 && chmod 600 ../b/*"#,
    },
    Workload {
        name: "names",
        needs: &[],
        before: "for d in 'a b' 'q\"q' \"it's\" '<x>' '(deleted)' 'x (deleted)' \
                 \"$(printf 'n\\nl')\" \"$(printf '\\377\\376')\" 'ünï' '-dash' 'back\\slash' '*'; do \
                 mkdir -p -- \"./$d/in\"; echo 1 >\"./$d/f\"; echo 2 >\"./$d/in/$d\"; done",
        work: r#"
            for d in ./*; do echo new >"$d/new"; chmod 600 "$d/f"; (cd "$d" && mv f "g $$" && mkdir ./-x); done
            chmod -R go-w -- *; for d in ./*; do mv "$d/in" "$d/out"; rm -rf "$d/out"; done; mv -- -dash 'a b'
            mv "$(printf '\377\376')" "$(printf '\376 \377')"; echo 1 >"$(printf '\376 \377')/x"; rm -rf -- *"#,
    },
    Workload {
        name: "deep",
        needs: &[PYTHON],
        before: concat!(
            python!(
                "import os\n\
                 top = os.getcwd()\n\
                 for t in ('one', 'two', 'three'):\n\
                 \x20os.chdir(top)\n\
                 \x20for i in range(45): os.mkdir('%0120d' % 0 + t); os.chdir('%0120d' % 0 + t); open('f', 'w').close()"
            ),
            "mkdir -p s/$(seq -s/ 60)"
        ),
        work: concat!(
            "rm -rf s; rm -rf *one; chmod -R go-w *two; ",
            python!(
                "import os\n\
                 for i in range(45): os.chdir([n for n in os.listdir() if n.endswith('three')][0])\n\
                 os.rename('f', 'g'); os.mkdir('d'); d = os.open('d', os.O_RDONLY)\n\
                 os.close(os.open('x', os.O_CREAT | os.O_WRONLY, dir_fd=d)); os.unlink('x', dir_fd=d)\n\
                 os.chdir('../..'); os.unlink('f')"
            ),
            "rm -rf *"
        ),
    },
    Workload {
        name: "python",
        needs: &[PYTHON],
        before: trees!("t1 t2 t3 t4"),
        work: python!(
            "import os, shutil, tempfile, pathlib\n\
             shutil.rmtree('t1'); shutil.copytree('t2', 't5'); shutil.move('t2/1', 't3/d/new')\n\
             shutil.move('t5', 'moved dir'); shutil.rmtree(pathlib.Path('moved dir').absolute())\n\
             d = tempfile.mkdtemp(dir='.'); f, n = tempfile.mkstemp(dir=d); os.write(f, b'x'); os.close(f)\n\
             os.replace(n, 't3/1'); os.rmdir(d); os.makedirs('x/y/z'); os.removedirs('x/y/z')\n\
             with tempfile.TemporaryDirectory(dir='t3') as t: pathlib.Path(t, 'p').write_text('1')\n\
             p = pathlib.Path('t3/a/b'); (p / 'q').touch(); (p / 'q').rename(p / 'r'); (p / 'r').chmod(0o600)\n\
             os.symlink('b', 't3/a/s'); os.link('t3/a/2.c', 't3/a/s/hard'); os.truncate('t3/a/s/hard', 3)\n\
             for r, ds, fs, fd in os.fwalk('t4', topdown=False):\n\
             \x20for f in fs: os.unlink(f, dir_fd=fd)\n\
             \x20for s in ds: os.rmdir(s, dir_fd=fd)\n\
             shutil.chown('t3/1', 0, 0); os.setxattr('t3/1', 'user.a', b'b'); os.removexattr('t3/1', 'user.a')"
        ),
    },
    Workload {
        name: "descriptors",
        needs: &[PYTHON],
        before: "mkdir -p a/b/c o d1/x d2/x; echo 1 >a/b/f; echo 2 >o/g; echo 3 >secret; echo 4 >d1/x/f; echo 5 >d2/x/f",
        work: python!(
            "import ctypes, os, fcntl\n\
             d = os.open('a', os.O_RDONLY); os.chdir('/'); W = os.O_CREAT | os.O_WRONLY\n\
             f = os.open('k', W, dir_fd=d); os.ftruncate(f, 3); os.fchmod(f, 0o600); os.fchown(f, 0, 0)\n\
             os.rename('k', 'l', src_dir_fd=d, dst_dir_fd=d); os.fchmod(f, 0o640); os.mkdir('m', dir_fd=d)\n\
             os.fchdir(d); os.symlink('l', 'n'); e = os.dup(d); os.close(d); os.unlink('n', dir_fd=e)\n\
             g = fcntl.fcntl(e, fcntl.F_DUPFD_CLOEXEC, 20); os.close(e); os.rename('l', 'm/l2', src_dir_fd=g, dst_dir_fd=g)\n\
             e = os.open('../o', os.O_RDONLY); os.unlink('g', dir_fd=e); os.dup2(e, g); os.mkdir('in o', dir_fd=g)\n\
             if os.fork() == 0:\n\
             \x20os.fchmod(f, 0o600); os.rename('in o', 'out', src_dir_fd=g, dst_dir_fd=e); os._exit(0)\n\
             os.wait(); b = os.open('b', os.O_RDONLY); os.rename('b', '../o/out/bb'); os.mkdir('late', dir_fd=b)\n\
             os.close(os.open('late/x', W, dir_fd=b)); os.unlink('late/../late/x', dir_fd=b); os.rmdir('late', dir_fd=b)\n\
             h = os.open('f', os.O_RDWR, dir_fd=b); os.unlink('f', dir_fd=b); os.fchmod(h, 0o600); os.ftruncate(h, 0)\n\
             os.closerange(3, 100); x = os.open('../secret', os.O_WRONLY); os.fchmod(x, 0o600); os.close(x)\n\
             x = os.open('../d1', os.O_RDONLY); os.chmod('x/f', 0o600, dir_fd=x); os.close(x)\n\
             x = os.open('../d2', os.O_RDONLY); os.chmod('x/f', 0o640, dir_fd=x); os.unlink('x/f', dir_fd=x)\n\
             y = os.open('x', os.O_RDONLY, dir_fd=x); os.close(x); os.mkdir('w', dir_fd=y); os.chown('w', 0, 0, dir_fd=y)\n\
             for bad in (99, x):\n\
             \x20try: os.ftruncate(bad, 1)\n\
             \x20except OSError: pass\n\
             t = os.open('.', os.O_TMPFILE | os.O_RDWR); ctypes.CDLL(None).linkat(-100, b'/proc/self/fd/%d' % t, -100, b'named', 0x400)"
        ),
    },
    Workload {
        name: "spawn",
        needs: &[PYTHON, "bash"],
        before: "mkdir -p out in; echo s >secret; echo 1 >out/one",
        work: python!(
            "import os, subprocess\n\
             f = os.open('secret', os.O_WRONLY); g = os.open('out/log', os.O_CREAT | os.O_WRONLY)\n\
             for i in range(3):\n\
             \x20a = [(os.POSIX_SPAWN_DUP2, g, 1), (os.POSIX_SPAWN_CLOSE, f), (os.POSIX_SPAWN_OPEN, 5, 'out/o', os.O_CREAT | os.O_WRONLY, 0o600)]\n\
             \x20os.posix_spawn('/bin/sh', ['sh', '-c', 'echo x; mkdir in/d; mv out/o in/d; rm -r in/d'], os.environ, file_actions=a); os.wait()\n\
             subprocess.run(['rm', '-r', 'in'], check=True); subprocess.run(['mkdir', 'sub'], cwd='out', check=True)\n\
             subprocess.run('exec 5>out/five; chmod 600 out/five; exec 6>&5 5>&-; mv out/five out/six', shell=True, check=True)\n\
             subprocess.run(['chmod', '600', 'one'], cwd='out', pass_fds=(g,), check=True)\n\
             subprocess.run(['bash', '-c', 'cd out; for i in 1 2; do (echo $i >n$i; mv n$i m$i) & done; wait; rm m1 m2'], check=True)\n\
             os.system('echo y >out/sys && chmod 600 out/sys'); os.popen('cd out && touch popen').close()\n\
             os.ftruncate(f, 0); os.fchmod(g, 0o644); os.close(f); d = os.open('out', os.O_RDONLY)\n\
             p = subprocess.Popen(['sh', '-c', 'read x; echo 1 >out/late'], stdin=subprocess.PIPE)\n\
             os.rename('out', 'moved'); os.mkdir('out'); p.communicate(b'x\\n'); os.mkdir('k', dir_fd=d); os.rmdir('k', dir_fd=d)"
        ),
    },
    Workload {
        name: "threads",
        needs: &[PYTHON],
        before: "for i in 1 2 3 4; do mkdir -p $i/in; echo $i >$i/f; done",
        work: python!(
            "import os, threading\n\
             def run(i):\n\
             \x20for n in range(8):\n\
             \x20\x20d = os.open(str(i), os.O_RDONLY); os.mkdir('d%d' % n, dir_fd=d); os.rename('d%d' % n, 'in/d', src_dir_fd=d, dst_dir_fd=d)\n\
             \x20\x20os.close(os.open('in/d/f%d' % n, os.O_CREAT | os.O_WRONLY, dir_fd=d)); os.unlink('in/d/f%d' % n, dir_fd=d); os.rmdir('in/d', dir_fd=d); os.close(d)\n\
             t = [threading.Thread(target=run, args=(i,)) for i in (1, 2, 3, 4)]\n\
             [x.start() for x in t]; [x.join() for x in t]"
        ),
    },
    Workload {
        name: "failed",
        needs: &[PYTHON],
        before: "mkdir d e real; echo 1 >f; echo 2 >e/x; ln -s real l; ln -s loop loop; echo 3 >real/g",
        work: python!(
            "import os\n\
             L = 'n' * 300; D = os.open('d', os.O_RDONLY)\n\
             def attempt(f, *a, **k):\n\
             \x20try: f(*a, **k)\n\
             \x20except OSError: pass\n\
             A = ('f', 'nope', 'd', 'nodir/a', 'f/sub', L, 'e/x', 'l/nope', 'l/../nope', 'loop/x', '')\n\
             for a in A:\n\
             \x20for b in ('f', 'd', 'nodir/b', 'f/sub2', L, 'e', 'l/../no/b', 'e/.', '../failed/e'):\n\
             \x20\x20if not (a == 'f' and b == 'f') and not (a == 'd' and b == 'd') and not (a in ('f', 'e/x') and b == 'f'): attempt(os.rename, a, b)\n\
             \x20\x20attempt(os.link, a, b); attempt(os.symlink, a or 'x', b)\n\
             \x20attempt(os.rmdir, a) if a != 'd' else 0; attempt(os.mkdir, 'f/' + a); attempt(os.chmod, a, 0o700); attempt(os.truncate, a, 1)\n\
             \x20attempt(os.unlink, a + '/y'); attempt(os.open, a + '/z', os.O_CREAT | os.O_WRONLY); attempt(os.open, a, os.O_CREAT | os.O_EXCL | os.O_WRONLY) if a in ('f', 'd', 'e/x') else 0\n\
             \x20attempt(os.unlink, a or 'y', dir_fd=D); attempt(os.rename, a or 'y', 'z', src_dir_fd=D); attempt(os.link, 'nope', a or 'y', dst_dir_fd=D)\n\
             \x20attempt(os.execv, a + '/prog', ['prog', 'x']); attempt(os.chown, a + '/q', 0, 0); attempt(os.mknod, 'nodir/' + a, 0o600)"
        ),
    },
    Workload {
        name: "chroot",
        needs: &[PYTHON],
        before: "mkdir -p jail/etc jail/d/e jail/out etc; echo 1 >jail/etc/passwd; echo 2 >etc/passwd; echo 3 >jail/d/e/f; \
                 mkdir -p \"jail$PWD/d\"; echo 4 >\"jail$PWD/d/f\"; mkdir d; echo 5 >d/f; ln -s /etc jail/link",
        work: concat!(
            "echo new >d/new; ",
            python!(
                "import os, shutil\n\
                 here = os.getcwd(); o = os.open('.', os.O_RDONLY); os.chroot('jail')\n\
                 os.mkdir('outside'); os.chmod('d/f', 0o600); os.chdir('/'); os.chmod('etc/passwd', 0o600)\n\
                 os.rename('/etc/passwd', '/etc/shadow'); os.chmod('/link/shadow', 0o600); d = os.open('/d', os.O_RDONLY)\n\
                 os.chmod(here + '/d/f', 0o600); os.unlink(here + '/d/f'); os.mkdir('n', dir_fd=d); os.rename('d', 'out/d2')\n\
                 os.chmod('e/f', 0o600, dir_fd=d); os.unlink('outside/../etc/passwd', dir_fd=o) if 0 else os.mkdir('in o', dir_fd=o)\n\
                 shutil.rmtree('/out'); os.unlink('../../etc/shadow'); os.fchdir(o); os.rmdir('in o')"
            ),
            "chmod 600 d/f; rm -r d; chmod -R go-w jail"
        ),
    },
    Workload {
        name: "mounts",
        needs: &[PYTHON, "unshare"],
        before: "mkdir -p src/a/b top/mnt/hidden priv; echo 1 >src/f; echo 2 >src/a/g; echo 3 >top/mnt/hidden/h; \
                 cat >bind.py <<'END'\n\
                 import ctypes, os\n\
                 assert ctypes.CDLL(None).mount(b'src', b'top/mnt', None, 4096, None) == 0\n\
                 os.mkdir('top/mnt/new'); os.rename('top/mnt/f', 'top/mnt/a/f'); os.chmod('src/a/f', 0o600)\n\
                 d = os.open('top/mnt/a', os.O_RDONLY); os.unlink('f', dir_fd=d); os.chdir('top/mnt/a'); os.mkdir('../x')\n\
                 f = os.open('g', os.O_WRONLY); os.fchmod(f, 0o600); os.rmdir('../x'); os.mkdir('y', dir_fd=d)\n\
                 os.rmdir('../../../src/a/y')\nEND\n",
        work: "unshare -m /usr/bin/python3 bind.py; rm -r src/a",
    },
    Workload {
        name: "namespaces",
        needs: &["unshare"],
        before: trees!("t1 t2 t3"),
        work: r#"
            unshare -p -f sh -c 'echo 1 >t1/new; (cd t1/a && rm -rf b); mv t1/d t1/moved; rm -rf t2; exec 5>t3/five; (echo x >&5; chmod 600 t3/five); true'
            unshare -U -r sh -c 'mkdir t3/user; chmod -R go-w t3; rm t3/1' || true
            unshare -m -p -f sh -c 'rm -r t3/a; echo 1 >t3/last'"#,
    },
    Workload {
        name: "private",
        needs: &[],
        before: concat!(
            trees!("t1 t2 t3"),
            "chmod 700 t1 t1/a t2 t3; chmod 600 t1/1"
        ),
        work: "rm -rf t1/a; chmod -R u+x t2; (cd t1 && mv d ../d2); mv d2 t1/1 t3; rm -r t3",
    },
    Workload {
        name: "many",
        needs: &[],
        before: "mkdir -p m/x; cd m; for i in $(seq 150); do : >$i; : >x/$i; done",
        work: "rm -r m/x; cd m; chmod 600 1? 2?; mv 3? x || mkdir x && mv 3? 4? x; rm *[02468]; cd ..; rm -rf m",
    },
    Workload {
        name: "rsync",
        needs: &["rsync"],
        before: trees!("t1 t2"),
        work: "rsync -a t1/ t3; rm t1/1; rsync -a --delete t1/ t2/; rsync -a --remove-source-files t1/ t4",
    },
    Workload {
        name: "dpkg",
        needs: &["dpkg-deb"],
        before: concat!(
            trees!("p"),
            "mkdir p/DEBIAN; printf 'Package: a\\nVersion: 1\\nArchitecture: all\\n\
                 Maintainer: a\\nDescription: a\\n' >p/DEBIAN/control"
        ),
        work: "dpkg-deb -b p a.deb >/dev/null; dpkg-deb -x a.deb x; dpkg-deb -e a.deb x/c; rm -r x",
    },
];
