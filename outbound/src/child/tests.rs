use super::*;

/// Longer than anything takes that is waited for here.
const PATIENCE: Duration = Duration::from_secs(30);

fn shell<'a>(args: &'a [String], secret: &'a Secret<String>) -> Order<'a> {
    Order {
        command: "/bin/sh",
        args,
        folder: None,
        settings: vec![("LEVEL", "info")],
        secrets: vec![("TOKEN", secret)],
        name: "a test's".to_owned(),
    }
}

fn script(text: &str) -> [String; 2] {
    ["-c".to_owned(), text.to_owned()]
}

#[tokio::test]
async fn a_child_sees_its_own_environment_alone_and_is_spoken_to_in_lines() {
    let secret = Secret::new("hunter2".to_owned());
    let args = script("env | sort; while read -r line; do printf '\\n%s\\n' \"$line\"; done");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let mut seen = Vec::new();
    child.input.say(b"{\"a\":\r\n1}").await.expect("it listens");
    loop {
        let line = child.output.line().await.expect("it is heard").expect("it goes on");
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.starts_with('{') {
            assert_eq!(line, "{\"a\":  1}");
            break;
        }
        seen.push(line);
    }
    seen.retain(|line| !line.starts_with("PWD=") && !line.starts_with("_=") && !line.starts_with("SHLVL=") && !line.starts_with("OLDPWD="));
    assert_eq!(seen, ["LEVEL=info", &format!("PATH={USUAL_PATH}"), "TOKEN=hunter2"]);
    drop(child.input);
    child.process.end().await;
    assert!(child.output.line().await.expect("it is heard").is_none());
}

#[tokio::test]
async fn a_child_that_does_not_leave_is_killed_with_all_that_it_started() {
    let secret = Secret::new(String::new());
    let args = script("trap '' TERM; sleep 600 & echo $!; wait; sleep 600");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let grandchild = number(&mut child).await;
    assert!(runs(&grandchild));
    drop(child.process);
    runs_no_more(&grandchild).await;
}

/// The number that a child says, of itself or of what it started.
async fn number(child: &mut Child) -> String {
    let line = child.output.line().await.expect("it is heard").expect("a number");
    String::from_utf8_lossy(&line).into_owned()
}

/// A child of ours, whose number we give back.
async fn is_no_more(process: &str) {
    let until = Instant::now() + PATIENCE;
    while Path::new("/proc").join(process).exists() {
        assert!(Instant::now() < until, "it is left behind");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What a child started. Its number is given back by whoever inherits it, which some machines leave undone.
async fn runs_no_more(process: &str) {
    let until = Instant::now() + PATIENCE;
    while runs(process) {
        assert!(Instant::now() < until, "it is left behind");
        sleep(Duration::from_millis(20)).await;
    }
}

fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat"));
    stat.is_ok_and(|text| !text.contains(") Z ") && !text.contains(") X "))
}

#[tokio::test]
async fn nothing_is_left_of_a_child_not_even_its_number() {
    let secret = Secret::new(String::new());
    let args = script("echo $$; read -r line");
    let [mut ended, mut dropped] = [(); 2].map(|()| Child::start(&shell(&args, &secret)).expect("a shell"));
    let (first, second) = (number(&mut ended).await, number(&mut dropped).await);
    drop(ended.input);
    ended.process.end().await;
    is_no_more(&first).await;
    drop(dropped);
    is_no_more(&second).await;
}

#[tokio::test]
async fn a_child_that_has_left_is_seen_to_though_others_hold_its_pipes() {
    let secret = Secret::new(String::new());
    let args = script("sleep 600 & echo $!; read -r line");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let grandchild = number(&mut child).await;
    let Child { process, input, output: _held } = child;
    let (left, ()) = tokio::join!(timeout(PATIENCE, process.left()), async { drop(input) });
    left.expect("it is not seen to leave");
    process.end().await;
    runs_no_more(&grandchild).await;
}

/// It is in no group of ours any more, so all that we can do is not to listen.
#[tokio::test]
async fn who_leaves_the_group_is_listened_to_no_more() {
    let secret = Secret::new(String::new());
    let args = script("setsid sh -c 'echo $$; exec 1>&-; while :; do echo x >&2; sleep 0.1; done' & read -r line");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let escaped = number(&mut child).await;
    child.process.end().await;
    runs_no_more(&escaped).await;
}

#[tokio::test]
async fn a_child_has_no_files_of_ours() {
    let secret = Secret::new(String::new());
    let ours = std::env::current_exe().expect("a path");
    let _open = std::fs::File::open(&ours).expect("a file");
    let args = script("exec ls -l /proc/self/fd");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let mut files = String::new();
    while let Some(line) = child.output.line().await.expect("it is heard") {
        files += &String::from_utf8_lossy(&line);
    }
    assert!(files.contains("pipe:") && !files.contains(ours.to_str().expect("text")), "{files}");
}

#[tokio::test]
async fn a_line_without_end_is_not_gathered() {
    let secret = Secret::new(String::new());
    let args = script("head -c 40000000 /dev/zero | tr '\\0' x");
    let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
    let error = child.output.line().await.expect_err("it is too long");
    assert!(error.to_string().contains("more than"), "{error}");
}
