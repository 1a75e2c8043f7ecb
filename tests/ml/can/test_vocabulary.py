"""Known ids, and the one place for all others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.can.vocabulary import SIZE, UNKNOWN, Vocabulary

IDS = st.lists(st.integers(0, 2**32 - 1), max_size=600).map(lambda ids: np.array(ids, np.uint32))


@given(IDS, IDS)
def test_known_ids_get_distinct_places_and_all_others_the_unknown_one(benign, traffic):
    vocabulary = Vocabulary.fit(benign)
    places = vocabulary.encode(traffic)
    known = np.isin(traffic, vocabulary.arbitration)
    assert (places[~known] == UNKNOWN).all()
    assert (places[known] > UNKNOWN).all()
    assert places.max(initial=0) < SIZE
    assert len(set(vocabulary.encode(vocabulary.arbitration))) == len(vocabulary.arbitration)


def test_the_rarest_ids_give_way_where_there_are_too_many():
    ids = np.repeat(np.arange(SIZE + 10, dtype=np.uint32), 2)
    often = np.full(5, SIZE + 9, np.uint32)
    vocabulary = Vocabulary.fit(np.concatenate([ids, often]))
    assert len(vocabulary.arbitration) == SIZE - 1
    assert SIZE + 9 in vocabulary.arbitration
