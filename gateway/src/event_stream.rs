//! Event streams as their bytes come (WHATWG HTML §9.2.6): events, their lines, their data. Whoever looks into whole events reads by it;
//! what only listens as they pass by is the verdict of an answer, which keeps nothing of them.
//!
//! A line ends with CR, LF or both; an empty one ends an event; a byte order mark may stand at the beginning of the stream. An event that
//! the stream breaks off in is none.

/// What has come of a stream, from the first event that was not taken yet.
#[derive(Default)]
pub struct EventReader {
    text: Vec<u8>,
    /// Here the next event begins,
    event: usize,
    /// so far it has been looked through,
    at: usize,
    /// and here its last line begins.
    line: usize,
    /// The length of the mark before the next event's first line.
    mark: usize,
    begun: bool,
    ended: bool,
}

/// One event as it came, with the empty line that ends it.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub raw: &'a [u8],
    mark: usize,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl EventReader {
    /// Takes the next bytes, however they were cut.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// Nothing follows, so after a last CR no LF will come.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// How many bytes wait for the end of their event.
    pub const fn waiting(&self) -> usize {
        self.text.len() - self.event
    }

    /// The next event that is whole.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        if !self.has_begun() || !self.has_found_an_end() {
            // Once for all events of a piece: there may be a million in it.
            self.text.drain(..self.event);
            (self.at, self.line, self.event) = (self.at - self.event, self.line - self.event, 0);
            return None;
        }
        let begins = std::mem::replace(&mut self.event, self.at);
        Some(Event { raw: &self.text[begins..self.at], mark: std::mem::take(&mut self.mark) })
    }

    /// Whether it is known if there is a mark, which is then passed over.
    fn has_begun(&mut self) -> bool {
        let first = &self.text[..self.text.len().min(MARK.len())];
        if !self.begun && (self.ended || first == MARK || !MARK.starts_with(first)) {
            self.begun = true;
            self.mark = if first == MARK { MARK.len() } else { 0 };
            (self.at, self.line) = (self.mark, self.mark);
        }
        self.begun
    }

    /// A CR at the end of what is here waits for what follows, unless the stream has ended: it may be a LF.
    fn has_found_an_end(&mut self) -> bool {
        while let Some(byte) = self.text.get(self.at) {
            let width = match (byte, self.text.get(self.at + 1)) {
                (b'\n', _) => 1,
                (b'\r', Some(b'\n')) => 2,
                (b'\r', Some(_)) => 1,
                (b'\r', None) if !self.ended => return false,
                (b'\r', None) => 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            };
            let is_empty = self.at == self.line;
            self.at += width;
            self.line = self.at;
            if is_empty {
                return true;
            }
        }
        false
    }
}

impl<'a> Event<'a> {
    /// What it says; an event without data says nothing.
    pub fn data(self) -> Vec<u8> {
        let data: Vec<&[u8]> = self.lines().filter_map(data).collect();
        data.join(&b'\n')
    }

    /// Writes it with other data where its own begins, and all else of it.
    pub fn with_data(self, other: &[u8], out: &mut Vec<u8>) {
        let mut other = Some(other);
        out.extend_from_slice(&self.raw[..self.mark]);
        for line in self.lines() {
            if data(line).is_none() {
                write(b"", line, out);
            } else if let Some(other) = other.take() {
                other.split(|byte| *byte == b'\n').for_each(|line| write(b"data: ", line, out));
            }
        }
        out.push(b'\n');
    }

    /// Without their ends.
    fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        self.raw[self.mark..].split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty())
    }
}

fn data(line: &[u8]) -> Option<&[u8]> {
    let data = line.strip_prefix(b"data").filter(|rest| rest.is_empty() || rest.starts_with(b":"))?;
    let data = data.strip_prefix(b":").unwrap_or(data);
    Some(data.strip_prefix(b" ").unwrap_or(data))
}

fn write(name: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    [name, rest, b"\n"].into_iter().for_each(|part| out.extend_from_slice(part));
}

#[cfg(test)]
mod tests;
