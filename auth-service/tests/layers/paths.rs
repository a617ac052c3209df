//! Finds the paths that a source file uses.

/// A path as `a::b::c`, and the line that it or its `use` begins on.
pub(crate) struct UsedPath {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// Returns the text without comments and without the unit tests at its end. The lines keep their numbers.
pub(crate) fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| match line.find("//") {
        // `://` is part of a URL.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns every path of the code in `file` (below `src`), with `super` replaced where it leads to the root.
pub(crate) fn paths(file: &str, code: &str) -> Vec<UsedPath> {
    let depth = depth_of(file);
    let mut found = Vec::new();
    let mut rest = code;
    while let Some((at, begins_use)) = next(rest) {
        let line = 1 + code[..code.len() - rest.len() + at].matches('\n').count();
        let path = &rest[at..];
        let mut expanded = Vec::new();
        let end = if begins_use {
            let end = path.find(';').unwrap_or(path.len());
            expand("", &path["use ".len()..end], &mut expanded);
            end
        } else {
            let end = path.find(|c: char| c != ':' && !is_word(c)).unwrap_or(path.len());
            expanded.push(path[..end].trim_end_matches(':').to_owned());
            end
        };
        let absolute = expanded.into_iter().map(|path| from_root(&path, depth));
        found.extend(absolute.map(|path| UsedPath { line, path }));
        rest = &path[end.max(1)..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The next `use` or path: where it begins, and whether it is a `use`.
fn next(code: &str) -> Option<(usize, bool)> {
    let mut word_at = None;
    for (at, c) in code.char_indices() {
        if is_word(c) {
            let begin = *word_at.get_or_insert(at);
            let rest = &code[at + c.len_utf8()..];
            let word = &code[begin..at + c.len_utf8()];
            if word == "use" && rest.starts_with(' ') {
                return Some((begin, true));
            }
            if rest.starts_with("::") {
                return Some((begin, false));
            }
        } else {
            word_at = None;
        }
    }
    None
}

/// Expands `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let (mut level, mut begin) = (0, 0);
    let ends = tree.char_indices().chain([(tree.len(), ',')]);
    for (at, c) in ends {
        match c {
            '{' => level += 1,
            '}' => level -= 1,
            ',' if level == 0 => {
                let part = tree[begin..at].trim();
                begin = (at + 1).min(tree.len());
                match part.split_once('{') {
                    Some((before, inside)) => {
                        let inside = inside.rsplit_once('}').map_or(inside, |(inside, _)| inside);
                        expand(&format!("{prefix}{}", before.trim()), inside, found);
                    }
                    None if !part.is_empty() => {
                        let name = part.split_whitespace().next().unwrap_or_default();
                        found.push(format!("{prefix}{name}").trim_start_matches(':').to_owned());
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }
}

/// The number of modules between the root and the code of this file, itself included.
fn depth_of(file: &str) -> usize {
    let parts = file.split('/').count();
    if file.ends_with("/mod.rs") { parts - 1 } else { parts }
}

fn from_root(path: &str, depth: usize) -> String {
    let mut rest = path;
    let mut supers = 0;
    while let Some(above) = rest.strip_prefix("super::") {
        (rest, supers) = (above, supers + 1);
    }
    if supers >= depth && supers > 0 { format!("crate::{rest}") } else { path.to_owned() }
}
