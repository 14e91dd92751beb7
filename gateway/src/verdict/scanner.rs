//! One JSON text of an answer, byte by byte; but what tells nothing, and that is nearly all of a large answer, is passed over as fast as
//! memory is read.

/// How many bytes there are before the first such one, or in all.
pub(super) fn until(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> usize {
    // Without a way out of the middle, so that the compiler compares many bytes at once.
    const AT_ONCE: usize = 32;
    let has_one = |chunk: &&[u8; AT_ONCE]| chunk.iter().fold(false, |has, byte| has | is_one(*byte));
    let before = bytes.as_chunks().0.iter().take_while(|chunk| !has_one(chunk)).count() * AT_ONCE;
    before + bytes[before..].iter().position(|byte| is_one(*byte)).unwrap_or(bytes.len() - before)
}

/// What matters outside of strings.
const TELLS: [bool; 256] = {
    let (mut tells, mut at) = ([false; 256], 0);
    while at < STRUCTURE.len() {
        tells[STRUCTURE[at] as usize] = true;
        at += 1;
    }
    tells
};
const STRUCTURE: &[u8] = b"\"{}[],:";

/// Watches one JSON text for `error` in the message, and `isError` in its `result`.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Scanner {
    pub found: bool,
    /// How many messages were answers.
    pub answers: usize,
    /// This one is counted.
    counted: bool,
    /// Open brackets; 1 is the message, or a batch.
    depth: usize,
    batch: bool,
    in_string: bool,
    escape: Escape,
    /// A string here is a member's name.
    at_name: bool,
    name: Name,
    /// The value of this member comes next.
    awaited: Option<Member>,
    in_result: bool,
}

/// The members that tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Member {
    Error,
    Result,
    IsError,
}

/// Where in an escaped character of a string we are.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Escape {
    #[default]
    Not,
    /// After the backslash.
    Begun,
    /// So many hexadecimal digits are to come, and what those before them say. Only in names: elsewhere nothing in them tells.
    Digits(u8, u32),
}

/// The first characters of a name, as many as the longest that tells and one more. What is not ASCII is of no name that tells.
#[derive(Default, PartialEq, Eq, Debug)]
struct Name {
    bytes: [u8; 8],
    length: usize,
}

impl Name {
    const fn has_room(&self) -> bool {
        self.length < self.bytes.len()
    }

    fn push(&mut self, character: u8) {
        self.bytes[self.length] = character;
        self.length += 1;
    }
}

/// In place of a character that is in no name that tells.
const NO_ASCII: u8 = 0xff;

/// What a letter after a backslash says.
const fn escaped(letter: u8) -> u8 {
    match letter {
        b'b' | b'f' | b'n' | b'r' | b't' => NO_ASCII,
        other => other,
    }
}

impl Scanner {
    /// As if every byte were stepped over.
    pub fn hear(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            bytes = match self.dull(bytes) {
                0 => {
                    self.step(*first);
                    rest
                }
                many => &bytes[many..],
            };
        }
    }

    /// How many of the next bytes change nothing: within a value's string all but its end and what escapes it, elsewhere all but brackets
    /// and the like.
    fn dull(&self, bytes: &[u8]) -> usize {
        match self.in_string {
            true if self.escape != Escape::Not || (self.at_name && self.name.has_room()) => 0,
            true => until(bytes, |byte| byte == b'"' || byte == b'\\'),
            false if self.awaited.is_some() => 0,
            false => bytes.iter().position(|byte| TELLS[usize::from(*byte)]).unwrap_or(bytes.len()),
        }
    }

    pub fn next_message(&mut self) {
        *self = Self { found: self.found, answers: self.answers, ..Self::default() };
    }

    pub fn step(&mut self, byte: u8) {
        if self.in_string {
            return self.step_in_string(byte);
        }
        if byte.is_ascii_whitespace() {
            return;
        }
        if let Some(member) = self.awaited.take() {
            self.value_begins(member, byte);
        }
        match byte {
            b'"' => (self.in_string, self.name.length) = (true, 0),
            b'{' => (self.depth, self.at_name) = (self.depth + 1, true),
            b'[' => {
                self.batch |= self.depth == 0;
                (self.depth, self.at_name) = (self.depth + 1, false);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                (self.at_name, self.in_result) = (false, self.in_result && self.depth > self.top());
                self.counted &= self.depth >= self.top();
            }
            // In an array the next string is a value; it is followed by no colon, so it names nothing.
            b',' => self.at_name = true,
            b':' => {
                self.at_name = false;
                self.awaited = self.member();
            }
            _ => {}
        }
    }

    fn step_in_string(&mut self, byte: u8) {
        let named = self.at_name && self.name.has_room();
        let character = match (std::mem::take(&mut self.escape), byte) {
            (Escape::Begun, b'u') if named => return self.escape = Escape::Digits(4, 0),
            (Escape::Begun, _) => escaped(byte),
            (Escape::Digits(left, before), _) if byte.is_ascii_hexdigit() => {
                let code = before * 16 + char::from(byte).to_digit(16).unwrap_or_default();
                match left {
                    1 => u8::try_from(code).unwrap_or(NO_ASCII),
                    _ => return self.escape = Escape::Digits(left - 1, code),
                }
            }
            (_, b'\\') => return self.escape = Escape::Begun,
            (_, b'"') => return self.in_string = false,
            _ => byte,
        };
        if named {
            self.name.push(character);
        }
    }

    /// Which member the name just read is, at the depth where it tells.
    fn member(&self) -> Option<Member> {
        match (&self.name.bytes[..self.name.length], self.depth.checked_sub(self.top())?) {
            (b"error", 0) => Some(Member::Error),
            (b"result", 0) => Some(Member::Result),
            (b"isError", 1) if self.in_result => Some(Member::IsError),
            _ => None,
        }
    }

    fn value_begins(&mut self, member: Member, first: u8) {
        if member != Member::IsError && !std::mem::replace(&mut self.counted, true) {
            self.answers += 1;
        }
        match member {
            Member::Error => self.found |= first != b'n', // null is none
            Member::IsError => self.found |= first == b't',
            Member::Result => self.in_result = first == b'{',
        }
    }

    /// The depth of a message's own members.
    const fn top(&self) -> usize {
        1 + self.batch as usize
    }
}
