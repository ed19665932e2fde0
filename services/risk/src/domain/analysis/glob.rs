//! Globs over paths and hosts.

/// Whether `path` matches `glob`: `*` and `?` stay within a part, `**` reaches over parts. Case counts not, and `\`
/// separates as `/` does. Parts that lead nowhere (`.`, `x/..`, an empty one) are taken away before.
pub(in crate::domain) fn path_matches(path: &str, glob: &str) -> bool {
    let path = normal(path);
    let path: Vec<&str> = path.split('/').collect();
    let glob = glob.to_lowercase();
    let glob: Vec<&str> = glob.split('/').collect();
    parts(&path, &glob)
}

/// Whether `host` matches `glob`: `*` stands for any characters, dots among them. A port is not looked at.
pub(in crate::domain) fn host_matches(host: &str, glob: &str) -> bool {
    let host = host.to_lowercase();
    let plain = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    part(plain.trim_end_matches('.'), &glob.to_lowercase())
}

fn normal(path: &str) -> String {
    let lower = path.to_lowercase().replace('\\', "/");
    let is_absolute = lower.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in lower.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if is_absolute { format!("/{joined}") } else { joined }
}

/// Remembers one `**` only: going back to the last is enough, so the time is bounded by a product.
fn parts(path: &[&str], glob: &[&str]) -> bool {
    let (mut at, mut in_glob, mut back) = (0, 0, None);
    while at < path.len() {
        match glob.get(in_glob) {
            Some(&"**") => {
                back = Some((at, in_glob));
                in_glob += 1;
            }
            Some(wanted) if part(path[at], wanted) => {
                at += 1;
                in_glob += 1;
            }
            _ => match back {
                Some((from, star)) => {
                    at = from + 1;
                    in_glob = star + 1;
                    back = Some((at, star));
                }
                None => return false,
            },
        }
    }
    glob[in_glob..].iter().all(|rest| *rest == "**")
}

fn part(text: &str, glob: &str) -> bool {
    let (text, glob): (Vec<char>, Vec<char>) = (text.chars().collect(), glob.chars().collect());
    let (mut at, mut in_glob, mut back) = (0, 0, None);
    while at < text.len() {
        match glob.get(in_glob) {
            Some('*') => {
                back = Some((at, in_glob));
                in_glob += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[at] => {
                at += 1;
                in_glob += 1;
            }
            _ => match back {
                Some((from, star)) => {
                    at = from + 1;
                    in_glob = star + 1;
                    back = Some((at, star));
                }
                None => return false,
            },
        }
    }
    glob[in_glob..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_parts() {
        for (path, glob, expected) in [
            ("/etc/passwd", "/etc/**", true),
            ("/etc", "/etc/**", true),
            ("/etcetera/x", "/etc/**", false),
            ("./a/../.ssh/id_rsa", "**/.ssh/**", true),
            ("a/.SSH/x", "**/.ssh/**", true),
            ("a\\.ssh\\x", "**/.ssh/**", true),
            ("/a/../../etc/shadow", "/etc/*", true),
            ("a/ssh/x", "**/.ssh/**", false),
            (".env.local", "**/.env*", true),
            ("config/.env", "**/.env*", true),
            ("x.tf", "**/*.tf", true),
            ("x.tfx", "**/*.tf", false),
            ("a/b/c", "a/*/c", true),
            ("a/b/b/c", "a/*/c", false),
            ("../x", "../**", true),
            ("", "**", true),
        ] {
            assert_eq!(path_matches(path, glob), expected, "{path} {glob}");
        }
        let long = "a/".repeat(3_000);
        assert!(!path_matches(&long, &format!("{}b", "**/a/".repeat(300))));
    }

    #[test]
    fn hosts_match_by_ending() {
        for (host, glob, expected) in [
            ("api.x.internal", "*.internal", true),
            ("API.X.INTERNAL.", "*.internal", true),
            ("x.internal:8080", "*.internal", true),
            ("internal.evil.dev", "*.internal", false),
            ("10.0.0.1", "10.*", true),
            ("[::1]", "::1", true),
            ("[::1]:80", "::*", true),
        ] {
            assert_eq!(host_matches(host, glob), expected, "{host} {glob}");
        }
    }
}
