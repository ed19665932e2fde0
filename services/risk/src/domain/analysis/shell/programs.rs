//! What commands do with what they are given: programs that run other programs, and shells that run texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::read::{self, Taken};
use super::word::Word;
use super::{Script, Trait};

/// What a command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    None,
    Text(String),
    Remote,
    Unknown,
}

impl From<Taken> for Input {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Text(text) => Self::Text(text),
            Taken::Remote => Self::Remote,
            // A command that prints nothing known may print anything.
            Taken::Unknown | Taken::Nothing => Self::Unknown,
        }
    }
}

impl From<Word> for Input {
    fn from(word: Word) -> Self {
        match word {
            Word { is_remote: true, .. } => Self::Remote,
            Word { is_dynamic: true, .. } => Self::Unknown,
            Word { text, .. } => Self::Text(text),
        }
    }
}

const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "mksh",
    "ash",
    "fish",
    "csh",
    "tcsh",
    "rbash",
    "pwsh",
    "powershell",
];

/// Programs that run the rest of their arguments.
const WRAPPERS: &[&str] = &[
    "sudo",
    "doas",
    "env",
    "nohup",
    "nice",
    "ionice",
    "timeout",
    "gtimeout",
    "time",
    "stdbuf",
    "setsid",
    "exec",
    "command",
    "builtin",
    "busybox",
    "toybox",
    "chroot",
    "unshare",
    "nsenter",
    "flock",
    "watch",
    "strace",
    "ltrace",
    "xargs",
    "parallel",
    "runuser",
    "su",
    "ssh",
    "docker",
    "podman",
    "kubectl",
    "oc",
    "setarch",
    "taskset",
    "chrt",
    "systemd-run",
    "torsocks",
    "proxychains",
    "proxychains4",
    "unbuffer",
    "script",
    "faketime",
    "fakeroot",
    "if",
    "then",
    "else",
    "do",
    "while",
    "until",
    "!",
    "{",
    "coproc",
    "entr",
    "firejail",
    "bwrap",
    "capsh",
    "pkexec",
];

/// Programs that run code which is given to them as an argument, after one of these options.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "--eval", "-p", "--print"]),
    ("deno", &["eval"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("osascript", &["-e"]),
    ("awk", &[]),
    ("gawk", &[]),
];

/// Programs that bring what they print from the network.
const FETCHERS: &[&str] =
    &["curl", "wget", "nc", "ncat", "netcat", "socat", "aria2c", "http", "https", "ftp", "lynx"];

/// Clients of databases, and the options after which they take SQL.
const SQL_CLIENTS: &[(&str, &[&str])] = &[
    ("psql", &["-c", "--command"]),
    ("mysql", &["-e", "--execute"]),
    ("mariadb", &["-e", "--execute"]),
    ("cockroach", &["-e", "--execute"]),
    ("clickhouse-client", &["-q", "--query"]),
    ("sqlcmd", &["-Q", "-q"]),
    ("bq", &["query"]),
    ("duckdb", &["-c"]),
    ("sqlite3", &[]),
];

fn is_shell(program: &str) -> bool {
    SHELLS.contains(&program)
}

fn interpreter(program: &str) -> Option<&'static [&'static str]> {
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.iter().find(|(name, _)| *name == plain).map(|(_, options)| *options)
}

/// Adds a command, and what it runs, to `script`, and says what it prints.
pub(super) fn run(script: &mut Script, words: Vec<Word>, input: &Input, depth: usize) -> Taken {
    let Some(first) = words.first() else { return Taken::Nothing };
    if script.is_full(depth) {
        return Taken::Unknown;
    }
    if first.is_dynamic || first.is_glob {
        script.traits.insert(Trait::Dynamic);
    }
    if first.is_remote {
        script.traits.insert(Trait::RemoteCode);
    }
    let program = first.program().to_owned();
    let line: Vec<&str> =
        [program.as_str()].into_iter().chain(words[1..].iter().map(|word| word.text.as_str())).collect();
    script.commands.push(line.join(" "));
    script.programs.insert(program.clone());
    let rest = &words[1..];
    if is_shell(&program) {
        shell(script, rest, input, depth);
        return Taken::Unknown;
    }
    // Wherever a shell stands in a command with a text to run, that text may run.
    for (index, word) in rest.iter().enumerate() {
        let wants_text = rest.get(index + 1).is_some_and(|option| is_command_option(&option.text));
        if is_shell(word.program()) && wants_text {
            run(script, rest[index..].to_vec(), &Input::None, depth + 1);
        }
    }
    if WRAPPERS.contains(&program.as_str()) {
        return wrapped(script, &program, rest, input, depth);
    }
    if let Some(options) = interpreter(&program) {
        return inline(script, options, rest, input);
    }
    statements(script, &program, rest);
    match program.as_str() {
        "eval" => {
            let text: Vec<&str> = rest.iter().map(|word| word.text.as_str()).collect();
            code(script, &text.join(" "), rest, depth)
        }
        "source" | "." => {
            let from = rest.first();
            if from.is_some_and(|word| word.is_remote) {
                script.traits.insert(Trait::RemoteCode);
            } else if from.is_none_or(|word| word.is_dynamic || word.text.starts_with("/dev/")) {
                script.traits.insert(Trait::HiddenCode);
            }
            Taken::Unknown
        }
        "find" | "fd" => {
            found(script, rest, depth);
            Taken::Unknown
        }
        "echo" | "printf" => printed(&program, rest),
        "cat" | "tee" if rest.iter().all(|word| word.text.starts_with('-')) => passed(input),
        "base64" | "base32" | "openssl" | "xxd" | "rev" => decoded(&program, rest, input),
        name if FETCHERS.contains(&name) => Taken::Remote,
        // Filters hand on what they get, changed in a way that nobody has worked out.
        _ if *input == Input::Remote => Taken::Remote,
        _ => Taken::Unknown,
    }
}

fn passed(input: &Input) -> Taken {
    match input {
        Input::Text(text) => Taken::Text(text.clone()),
        Input::Remote => Taken::Remote,
        Input::None | Input::Unknown => Taken::Unknown,
    }
}

/// `-c`, also among other letters, as in `-lc`.
fn is_command_option(option: &str) -> bool {
    let letters = option.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    letters.is_some_and(|letters| letters.contains('c') && letters.bytes().all(|b| b.is_ascii_alphabetic()))
        || matches!(
            option.to_ascii_lowercase().as_str(),
            "-command" | "-encodedcommand" | "-enc" | "-e" | "-ec"
        )
}

fn shell(script: &mut Script, rest: &[Word], input: &Input, depth: usize) {
    let option = rest.iter().position(|word| is_command_option(&word.text));
    if let Some(text) = option.and_then(|at| rest.get(at + 1..)) {
        match text.first() {
            Some(word) => drop(code(script, &word.text, &text[..1], depth)),
            None => drop(script.traits.insert(Trait::Dynamic)),
        }
        return;
    }
    // A file to run, or what comes in.
    let file = rest.iter().find(|word| !word.text.starts_with('-') && !word.text.starts_with('+'));
    match file {
        Some(word) if word.is_remote => drop(script.traits.insert(Trait::RemoteCode)),
        Some(word) if word.is_dynamic => drop(script.traits.insert(Trait::Dynamic)),
        Some(word) if !word.text.starts_with("/dev/") => {}
        _ => match input {
            Input::Text(text) => {
                script.traits.insert(Trait::HiddenCode);
                read::script(script, text, depth + 1);
            }
            Input::Remote => drop(script.traits.insert(Trait::RemoteCode)),
            Input::Unknown => drop(script.traits.insert(Trait::HiddenCode)),
            Input::None => {}
        },
    }
}

/// Runs a text that stands in the command.
fn code(script: &mut Script, text: &str, made_of: &[Word], depth: usize) -> Taken {
    if made_of.iter().any(|word| word.is_remote) {
        script.traits.insert(Trait::RemoteCode);
    } else if made_of.iter().any(|word| word.is_dynamic) {
        script.traits.insert(Trait::Dynamic);
    }
    read::script(script, text, depth + 1)
}

fn inline(script: &mut Script, options: &[&str], rest: &[Word], input: &Input) -> Taken {
    let has_code = rest.iter().any(|word| {
        options.iter().any(|option| word.text == *option || word.text.starts_with(&format!("{option}=")))
    });
    let is_awk = options.is_empty() && rest.iter().any(|word| word.text.contains("system("));
    if has_code || is_awk {
        script.traits.insert(Trait::InlineCode);
    }
    if rest.iter().any(|word| word.is_remote) {
        script.traits.insert(Trait::RemoteCode);
    }
    let reads_code = !options.is_empty()
        && !has_code
        && rest.iter().all(|word| word.text.starts_with('-') || word.text == "/dev/stdin");
    match input {
        Input::Remote if reads_code => drop(script.traits.insert(Trait::RemoteCode)),
        Input::Text(_) if reads_code => drop(script.traits.insert(Trait::InlineCode)),
        Input::Unknown if reads_code => drop(script.traits.insert(Trait::HiddenCode)),
        _ => {}
    }
    Taken::Unknown
}

/// The command inside a wrapper. Which of its words are options and their values differs from program to program,
/// so each of the first words that could begin a command is taken to begin one.
fn wrapped(script: &mut Script, program: &str, rest: &[Word], input: &Input, depth: usize) -> Taken {
    if program == "ssh" || program == "su" || program == "runuser" || program == "watch" {
        // They hand a text to a shell.
        for word in rest.iter().filter(|word| word.text.contains(' ')) {
            code(script, &word.text, std::slice::from_ref(word), depth);
        }
    }
    let mut printed = Taken::Unknown;
    let mut candidates = 0;
    for (index, word) in rest.iter().enumerate() {
        let is_name = !word.text.starts_with('-')
            && !word.text.contains('=')
            && !word.text.is_empty()
            && word.text != ".";
        let is_number = word.text.starts_with(|c: char| c.is_ascii_digit());
        if !is_name || is_number || word.text == "." {
            continue;
        }
        let taken = run(script, rest[index..].to_vec(), input, depth + 1);
        if candidates == 0 {
            printed = taken;
        }
        candidates += 1;
        if candidates == 4 {
            break;
        }
    }
    if program == "env" {
        let split = rest.iter().position(|word| word.text == "-S" || word.text == "--split-string");
        if let Some(word) = split.and_then(|at| rest.get(at + 1)) {
            code(script, &word.text, std::slice::from_ref(word), depth);
        }
    }
    printed
}

/// `find … -exec COMMAND ;` and `fd -x COMMAND`.
fn found(script: &mut Script, rest: &[Word], depth: usize) {
    let starts = |word: &Word| {
        matches!(word.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec")
    };
    for (index, _) in rest.iter().enumerate().filter(|(_, word)| starts(word)) {
        let command = rest[index + 1..].iter().take_while(|word| !matches!(word.text.as_str(), ";" | "+"));
        run(script, command.cloned().collect(), &Input::None, depth + 1);
    }
}

fn printed(program: &str, rest: &[Word]) -> Taken {
    let values = rest
        .iter()
        .skip_while(|word| matches!(word.text.as_str(), "-n" | "-e" | "-en" | "-ne" | "-E" | "--"));
    let values: Vec<&Word> = values.collect();
    if values.iter().any(|word| word.is_remote) {
        return Taken::Remote;
    }
    if values.iter().any(|word| word.is_dynamic) {
        return Taken::Unknown;
    }
    let texts: Vec<&str> = values.iter().map(|word| word.text.as_str()).collect();
    match (program, texts.as_slice()) {
        ("printf", [format, values @ ..]) if format.contains('%') => {
            let format = format.replace("\\n", "\n");
            match format.trim_end() {
                "%s" | "%b" => Taken::Text(values.concat()),
                _ => Taken::Unknown,
            }
        }
        ("printf", _) => Taken::Text(texts.join(" ").replace("\\n", "\n")),
        _ => Taken::Text(format!("{}\n", texts.join(" "))),
    }
}

fn decoded(program: &str, rest: &[Word], input: &Input) -> Taken {
    let has = |wanted: &[&str]| rest.iter().any(|word| wanted.contains(&word.text.as_str()));
    let text = match input {
        Input::Text(text) => text,
        Input::Remote => return Taken::Remote,
        Input::None | Input::Unknown => return Taken::Unknown,
    };
    let bytes = match program {
        "base64" | "openssl" if has(&["-d", "-D", "--decode", "-di", "-id"]) => {
            let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(plain).ok()
        }
        "xxd" if has(&["-r", "-rp", "-pr"]) => hex(text),
        "rev" => Some(text.trim_end().chars().rev().collect::<String>().into_bytes()),
        _ => None,
    };
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Taken::Unknown, Taken::Text)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

fn statements(script: &mut Script, program: &str, rest: &[Word]) {
    let Some((_, options)) = SQL_CLIENTS.iter().find(|(name, _)| *name == program) else { return };
    for (index, word) in rest.iter().enumerate() {
        let after = index.checked_sub(1).and_then(|before| rest.get(before));
        let joined = options.iter().find_map(|option| {
            let value = word.text.strip_prefix(option)?;
            Some(value.strip_prefix('=').unwrap_or(value)).filter(|value| !value.is_empty())
        });
        if let Some(statement) = joined {
            script.statements.push(statement.to_owned());
        } else if after.is_some_and(|option| options.contains(&option.text.as_str()))
            || (options.is_empty() && word.text.contains(' '))
        {
            script.statements.push(word.text.clone());
        }
    }
}
