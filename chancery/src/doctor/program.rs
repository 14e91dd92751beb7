//! A program that is a resource's upstream: whether this node may run it, and whether there is anything to run. It is not run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chancery_registry::Stdio;

use super::Finding;

/// `allowed` are the commands that this node runs.
pub fn look(of: &str, stdio: &Stdio, allowed: &[String]) -> Finding {
    let (of, command) = (format!("{of}, program"), &stdio.command);
    if !allowed.contains(command) {
        return Finding::wrong(of, format!("{command} is not among the commands that this node runs, so calls are answered with 502"))
            .should("be named in `server.stdio`")
            .fix(format!("if this node is to run it, write `stdio: [ {command} ]` in its `server` block"));
    }
    match fs::metadata(command) {
        Err(error) => {
            Finding::wrong(of, format!("{command}: {error}")).should("be there").fix("install it, or correct `upstream.stdio.command`")
        }
        Ok(found) if !found.is_file() || found.permissions().mode() & 0o111 == 0 => Finding::wrong(of, format!("{command} is no program"))
            .should("be a file that may be executed")
            .fix(format!("name the program itself, or `chmod +x {command}`")),
        Ok(_) => match &stdio.folder {
            Some(folder) if !Path::new(folder).is_dir() => Finding::wrong(of, format!("{folder}, where it is to run, is no folder"))
                .should("be a folder")
                .fix("make it, or correct `upstream.stdio.folder`"),
            _ => Finding::good(of, format!("{command} is there, and this node may run it")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_program_is_one_that_this_node_may_run_and_can() {
        let at = |command: &str, folder: Option<&str>| Stdio {
            command: command.to_owned(),
            args: Vec::new(),
            settings: std::collections::BTreeMap::new(),
            folder: folder.map(str::to_owned),
            most: 1,
        };
        let allowed = ["/bin/sh", "/etc/passwd", "/bin", "/no/such/thing"].map(str::to_owned);
        for (stdio, verdict, words) in [
            (at("/bin/sh", None), Verdict::Good, "/bin/sh is there"),
            (at("/bin/sh", Some("/tmp")), Verdict::Good, "/bin/sh is there"),
            (at("/bin/sh", Some("/no/such/folder")), Verdict::Wrong, "/no/such/folder, where it is to run"),
            (at("/bin/ls", None), Verdict::Wrong, "not among the commands that this node runs"),
            (at("/no/such/thing", None), Verdict::Wrong, "/no/such/thing: No such file"),
            (at("/etc/passwd", None), Verdict::Wrong, "is no program"),
            (at("/bin", None), Verdict::Wrong, "is no program"),
        ] {
            let found = look("resource files", &stdio, &allowed);
            assert!(found.verdict == verdict && found.saw.contains(words), "{stdio:?}: {found:?}");
            assert_eq!(found.verdict == Verdict::Wrong, !found.fix.is_empty(), "{found:?}");
        }
    }
}
