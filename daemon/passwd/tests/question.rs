//! The question and the answer as bytes.
#[cfg(test)]
mod question {
    use mfad_proto::passwd::{Answer, Question};
    use mfad_proto::{Password, UserName};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn user() -> impl Strategy<Value = UserName> {
        "[^:/\\p{Cc}]{1,255}".prop_filter_map("longer than a name", |text| UserName::new(&text))
    }

    fn password() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(any::<u8>(), 0..=64), vec(any::<u8>(), Password::MAX - 1..=Password::MAX)]
    }

    fn to_bytes(user: &UserName, password: &[u8]) -> Zeroizing<Vec<u8>> {
        Question::to_bytes(user, &Password::new(Zeroizing::new(password.to_vec())).unwrap())
    }

    proptest! {
        #[test]
        fn a_question_comes_back_as_it_went(user in user(), password in password()) {
            let bytes = to_bytes(&user, &password);
            prop_assert!(bytes.len() <= Question::LONGEST);
            let read = Question::read(&bytes).unwrap().unwrap();
            prop_assert_eq!(read.user, user);
            prop_assert_eq!(read.password.expose(), password);
        }

        #[test]
        fn a_question_that_is_cut_off_waits_for_its_end(user in user(), password in password(), at in any::<prop::sample::Index>()) {
            let bytes = to_bytes(&user, &password);
            let cut = &bytes[..at.index(bytes.len())];
            prop_assert!(matches!(Question::read(cut), Ok(None)), "{} of {} bytes", cut.len(), bytes.len());
        }

        #[test]
        fn a_question_has_one_end(user in user(), password in password(), more in vec(any::<u8>(), 1..8)) {
            let bytes = [to_bytes(&user, &password).as_slice(), &more].concat();
            prop_assert!(Question::read(&bytes).is_err());
        }

        #[test]
        fn what_is_read_would_be_written_so(bytes in vec(any::<u8>(), 0..300)) {
            if let Ok(Some(question)) = Question::read(&bytes) {
                prop_assert_eq!(&*Question::to_bytes(&question.user, &question.password), &bytes);
            }
        }

        /// Short names and lengths of one byte, so that many of these bytes are questions.
        #[test]
        fn no_bytes_mean_two_questions(length in 0_u8..4, rest in vec(prop_oneof![Just(0_u8), Just(1), Just(b'a')], 0..12)) {
            let bytes = [&[length], rest.as_slice()].concat();
            let whole: Vec<_> =
                (0..=bytes.len()).filter(|end| matches!(Question::read(&bytes[..*end]), Ok(Some(_)))).collect();
            prop_assert!(whole.len() <= 1, "{bytes:?} are questions up to {whole:?}");
        }
    }

    #[test]
    fn what_is_no_question_is_known_before_its_end() {
        // Nothing after these bytes can make them a question, so that nobody waits for more.
        let never: [&[u8]; 4] = [&[0], b"\x01:", b"\x01\xff", b"\x01a\x01\x04"];
        for bytes in never {
            assert!(Question::read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn every_other_byte_means_that_nothing_is_known() {
        for byte in 0..=u8::MAX {
            let answer = Answer::from_byte(byte);
            let expected = match byte {
                1 => Answer::Right,
                2 => Answer::Wrong,
                _ => Answer::Unavailable,
            };
            assert_eq!(answer, expected, "{byte}");
        }
        for answer in [Answer::Right, Answer::Wrong, Answer::Unavailable] {
            assert_eq!(Answer::from_byte(answer.to_byte()), answer);
        }
    }
}
