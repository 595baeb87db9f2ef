"""The sentences of the pocket study."""

from evaluators.data.synthetic.grammar import sentence, words


def test_grammar_is_a_few_hundred_words_and_repeats_with_its_seed() -> None:
    assert 200 <= len(words()) <= 400
    assert sentence("7") == sentence("7")
    assert set(" ".join(sentence(str(i)) for i in range(500)).split()) <= words()


def test_the_pocket_test_set_is_large_enough() -> None:
    texts = [sentence(f"0/test/{i}") for i in range(500)]
    assert sum(len(t.split()) for t in texts) >= 3000
