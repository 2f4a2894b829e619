//! Passwords that are guessed first: words that many chose, with what many put around them, and
//! what lies side by side on a keyboard.

/// Words that stand alone, or with a few digits and signs around them, in every list of stolen
/// passwords. In small letters, without digits.
const WORDS: &str = "\
    abcdef abcdefg abcdefgh access account adidas admin administrator aaaaaa amanda america amsterdam andrea andrew \
    angel angels anthony apple apples arsenal asdf asdfasdf asdfgh asdfghjkl ashley asshole august austin autumn \
    azerty babygirl badboy bailey banana barcelona barney baseball basketball batman benjamin berlin bigdaddy bismillah \
    blahblah blessed blink booboo brandon bubbles buster butterfly camaro carlos casper changeit changeme charles \
    charlie cheese chelsea chicken chocolate christian christmas cocacola coffee computer contrasena cookie cooper \
    corvette cowboy cowboys daniel daniela danielle default destiny diamond dolphin dolphins donald dragon eagles \
    edward elephant elizabeth eminem estrella fender ferrari flower flowers football forever formula freedom friend \
    friends fuckoff fuckyou gandalf gateway geheim george gibson ginger godzilla golfer google guitar hallo hallohallo \
    hammer hannah harley heather hello hellohello hellokitty helloworld hockey hottie hunter iceman iloveu iloveyou \
    internet jackson jasmine jennifer jessica jesus johnny jonathan jordan joseph joshua junior justin killer kitty \
    knight ladybug lakers lauren letmein letmeinnow leonardo liverpool login london loulou lovelove lovely loveme \
    loverboy lucky madison maggie manager manchester marina marlboro marseille martin master matrix matthew maverick \
    mercedes merlin michael michelle mickey midnight minecraft monday money monkey monster morgan motdepasse mother \
    mustang myspace naruto nascar natasha nicholas nicole nintendo november october orange pakistan panther parola \
    passord passport passw passwd passwor password passwordpassword passwort patrick peanut pepper phoenix pikachu pokemon \
    porsche power prince princess private purple qazwsx qazwsxedc qwer qwert qwerty qwertyu qwertyui qwertyuio \
    qwertyuiop qwertz qweasd qweasdzxc rabbit rainbow ranger rangers raiders realmadrid rebecca redskins redsox richard \
    robert rockstar root samantha samsung sandra saturn school scooter scorpion secret secure security senha september \
    server service shadow shannon silver simple skywalker slipknot snickers snoopy soccer sophie spiderman spring \
    startrek starwars steelers steven strawberry student summer sunday sunflower sunshine superman superstar support \
    sweety swordfish system taylor teacher temporary tennis test tester testing testtest thomas thunder tigger tiger \
    tinkerbell toor trustme trustno twilight user vanessa victor victoria viking vikings voodoo wachtwoord warrior \
    welcome welcomeback whatever william willkommen wilson winner winter wizard xavier xbox yamaha yankees yellow \
    zaqxsw zxcvbn zxcvbnm discord discordctl chat guest operator moderator owner";

/// What fingers run along.
const RUNS: [&str; 14] = [
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qazwsxedcrfvtgbyhnujm",
    "qweasdzxcrtyfghvbn",
    "!@#$%^&*()_+",
    "1a2b3c4d5e6f7g8h9i",
];

/// So many digits and signs around a word make it no other.
const MOST_AROUND: usize = 6;
/// A password that repeats so little is what it repeats.
const MOST_REPEATED: usize = 4;

pub(super) fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    is_repetition(&folded) || is_run(&folded) || is_word(&folded) || is_word(&without_leet(&folded))
}

/// `aaaaaaaa`, `abab1abab1`: four characters or fewer, again and again.
fn is_repetition(folded: &str) -> bool {
    let characters: Vec<char> = folded.chars().collect();
    let again = |period: &usize| {
        let shifted = characters.iter().skip(*period);
        shifted
            .zip(&characters)
            .all(|(later, earlier)| later == earlier)
    };
    (1..=MOST_REPEATED).any(|period| again(&period))
}

/// `12345678`, `87654321`, `1q2w3e4r`, `qwertyuiop123`: one or two runs, either way.
fn is_run(folded: &str) -> bool {
    let backwards: String = folded.chars().rev().collect();
    let runs = |part: &str| part.chars().count() <= 3 || RUNS.iter().any(|run| run.contains(part));
    let in_two = |text: &str| {
        let ends = text.char_indices().map(|(at, _)| at);
        ends.map(|at| text.split_at(at))
            .any(|(a, b)| runs(a) && runs(b))
    };
    in_two(folded) || in_two(&backwards)
}

/// A word of the list, alone or with little around it.
fn is_word(folded: &str) -> bool {
    let core = folded.trim_matches(|c: char| !c.is_alphabetic());
    let around = folded.chars().count() - core.chars().count();
    around <= MOST_AROUND && WORDS.split_ascii_whitespace().any(|word| word == core)
}

/// The letters that digits and signs inside a word stand for; what follows its last letter is
/// left as it is.
fn without_leet(folded: &str) -> String {
    let end = folded.rfind(char::is_alphabetic).unwrap_or(0);
    let letter = |(at, c): (usize, char)| match c {
        _ if at > end => c,
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    };
    folded.char_indices().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_many_chose_is_known_with_what_many_put_around_it() {
        for common in [
            "password",
            "Password1!",
            "passw0rd",
            "P@$$w0rd123",
            "12345678",
            "0987654321",
            "11111111",
            "abcabcabc",
            "qwertyuiop",
            "1q2w3e4r",
            "1qaz2wsx",
            "qwerty123",
            "asdfghjkl",
            "iloveyou2",
            "!!welcome!!",
            "Summer2026!",
            "letmein123",
            "abcd1234",
            "changeme",
            "sunshine",
            "trustno1",
            "99banana",
            "dragon12",
            "zxcvbnm1",
            "4dm1n1str4t0r",
            "hallohallo",
            "87654321",
            "qazwsxedc",
        ] {
            assert!(is_common(common), "{common}");
        }
    }

    #[test]
    fn what_few_chose_is_not() {
        for good in [
            "correct horse",
            "sunshine over kiel",
            "password of the day is fish",
            "q8Zr2mLx",
            "bananas and 2 apples",
            "19840229x",
            "三国志演義水滸伝",
            "secretary pool",
        ] {
            assert!(!is_common(good), "{good}");
        }
    }

    proptest! {
        /// Sixteen random letters and digits are no first guess.
        #[test]
        fn random_passwords_pass(password in "[a-zA-Z0-9]{16}") {
            prop_assert!(!is_common(&password));
        }

        #[test]
        fn nothing_typed_panics(password in "(?s).{0,40}") {
            is_common(&password);
        }
    }
}
