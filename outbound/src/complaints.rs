//! What a child says on standard error, as the log may have it: line by line, at most 1 KiB of each, without the child's secrets.
//!
//! Secrets are cut out before a line is shortened, and of a line that is longer than all that is shown enough is read to know a secret that
//! begins within. A secret of several lines is known by each of them.

use std::ops::Range;

use bytes::{Buf as _, BytesMut};
use chancery_core::Secret;

/// So much of a line is shown; the rest of it is dropped.
pub const LONGEST: usize = 1024;
/// Of a secret of several lines, one that is shorter than this gives nothing away, and may be part of any text.
const TELLING: usize = 4;
const HIDDEN: &[u8] = b"[secret]";

/// Bytes in, lines out.
pub struct Complaints {
    pub read: BytesMut,
    /// What gives a secret away.
    pieces: Vec<Secret<Vec<u8>>>,
    /// So much is read of a line without an end.
    enough: usize,
    /// The rest of a line that was shown already is under way.
    dropping: bool,
}

impl Complaints {
    pub fn new<'a>(secrets: impl Iterator<Item = &'a Secret<String>>) -> Self {
        let pieces: Vec<_> = secrets.flat_map(pieces).collect();
        let longest = pieces.iter().map(|piece| piece.expose().len()).max().unwrap_or_default();
        Self { read: BytesMut::new(), pieces, enough: LONGEST + longest, dropping: false }
    }

    /// The next line as far as it is needed, secrets and all; nothing until more is read. Where `all` is read, what is left is one.
    pub fn line(&mut self, all: bool) -> Option<BytesMut> {
        loop {
            let end = self.read.iter().position(|byte| *byte == b'\n');
            match end {
                Some(end) if self.dropping => {
                    self.read.advance(end + 1);
                    self.dropping = false;
                }
                None if self.dropping => {
                    self.read.clear();
                    return None;
                }
                Some(end) => {
                    let line = self.read.split_to(end);
                    self.read.advance(1);
                    return Some(line);
                }
                None if self.read.len() >= self.enough || (all && !self.read.is_empty()) => {
                    self.dropping = true;
                    return Some(self.read.split());
                }
                None => return None,
            }
        }
    }

    /// The line as it is shown.
    pub fn shown(&self, line: &[u8]) -> String {
        let (mut shown, mut at) = (Vec::new(), 0);
        let most = line.len().min(LONGEST);
        for secret in self.found(line).into_iter().take_while(|secret| secret.start < most) {
            shown.extend_from_slice(&line[at..secret.start]);
            shown.extend_from_slice(HIDDEN);
            at = secret.end;
        }
        shown.extend_from_slice(line.get(at..most).unwrap_or_default());
        shown.truncate(LONGEST);
        String::from_utf8_lossy(&shown).trim_end().to_owned()
    }

    /// Where secrets are, in order, those that overlap or touch as one.
    fn found(&self, line: &[u8]) -> Vec<Range<usize>> {
        let starts = |piece: &[u8]| (0..line.len()).filter(|at| line[*at..].starts_with(piece)).collect::<Vec<_>>();
        let within = |piece: &[u8]| starts(piece).into_iter().map(|at| at..at + piece.len()).collect::<Vec<_>>();
        let mut found: Vec<_> = self.pieces.iter().flat_map(|piece| within(piece.expose())).collect();
        found.sort_unstable_by_key(|secret| secret.start);
        let mut whole: Vec<Range<usize>> = Vec::new();
        for secret in found {
            match whole.last_mut().filter(|last| secret.start <= last.end) {
                Some(last) => last.end = last.end.max(secret.end),
                None => whole.push(secret),
            }
        }
        whole
    }
}

/// A secret of one line gives itself away; one of several by each line.
fn pieces(secret: &Secret<String>) -> Vec<Secret<Vec<u8>>> {
    let lines: Vec<&str> = secret.expose().split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let least = if lines.len() > 1 { TELLING } else { 1 };
    lines.into_iter().filter(|line| line.len() >= least).map(|line| Secret::new(line.as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\r\n  f0Q4Tg==\n}\n-----END PRIVATE KEY-----\n";

    fn lines(secrets: &[&str], said: &[u8], at_once: usize) -> Vec<String> {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        let mut complaints = Complaints::new(secrets.iter());
        let mut lines = Vec::new();
        for piece in said.chunks(at_once) {
            complaints.read.extend_from_slice(piece);
            while let Some(line) = complaints.line(false) {
                lines.push(complaints.shown(&line));
            }
        }
        lines.extend(complaints.line(true).map(|line| complaints.shown(&line)));
        lines
    }

    #[test]
    fn secrets_are_cut_out_of_what_is_logged() {
        assert_eq!(lines(&["hunter2", ""], b"token hunter2 refused\nhunter2hunter2\n", 7), ["token [secret] refused", "[secret]"]);
        assert_eq!(lines(&["hunter2\n"], b"hunter2", 64), ["[secret]"], "the end of a file's line is no part of it");
        assert_eq!(lines(&["abcdef", "defghi"], b"abcdefghi abcdef", 64), ["[secret] [secret]"]);
    }

    #[test]
    fn a_secret_of_several_lines_is_cut_out_line_by_line() {
        let shown = lines(&[KEY], format!("bad key: {KEY}{{}} {}\n", KEY.replace('\n', "\\n")).as_bytes(), 64);
        assert_eq!(shown[..4], ["bad key: [secret]", "[secret]", "  [secret]", "}"]);
        let all = shown.join("\n");
        assert!(KEY.lines().map(str::trim).filter(|line| line.len() > 1).all(|line| !all.contains(line)), "{all}");
        assert!(all.contains("{}"), "what is no secret stays: {all}");
    }

    #[test]
    fn no_beginning_of_a_secret_is_left_wherever_a_line_is_cut() {
        let secret: String = (0..300_u16).map(|at| char::from(b'A' + u8::try_from(at * 7 % 26).expect("a letter"))).collect();
        for before in (0..LONGEST + 20).filter(|before| before % 16 == 0 || before.abs_diff(LONGEST) < 320) {
            for (after, at_once) in [("", 8192), (" and more\nnext\n", 8192), (" and more", 61), (&"x".repeat(5000), 997)] {
                let shown = lines(&[&secret], format!("{}{secret}{after}", ".".repeat(before)).as_bytes(), at_once);
                assert!(shown.iter().all(|line| line.len() <= LONGEST && !line.contains(&secret[..4])), "{before}: {shown:?}");
                assert!(shown[0].starts_with(&".".repeat(before.min(LONGEST))), "{before}: {shown:?}");
                assert_eq!(shown.len(), 1 + usize::from(after.contains('\n')), "the rest of a long line is dropped: {shown:?}");
            }
        }
    }
}
