"""Which view is trained on when: a function of the seed alone, the same for one process and for many."""

from zen_hf.distillation.batches import EndlessBatches


def take(batches, count):
    iterator = iter(batches)
    return [next(iterator) for _ in range(count)]


def test_every_pass_shows_every_frame_once_with_its_own_view():
    batches = take(EndlessBatches(num_frames=12, batch_size=4, fixed_views=0, seed=0), 6)
    flat = [index for batch in batches for index in batch]
    assert sorted(index.frame for index in flat[:12]) == list(range(12))
    assert {index.view for index in flat[:12]} == {0} and {index.view for index in flat[12:]} == {1}
    assert [index.frame for index in flat[:12]] != [index.frame for index in flat[12:]]


def test_fixed_views_repeat():
    batches = take(EndlessBatches(num_frames=5, batch_size=5, fixed_views=2, seed=0), 4)
    assert [batch[0].view for batch in batches] == [0, 1, 0, 1]


def test_starting_later_continues_the_same_sequence():
    whole = take(EndlessBatches(num_frames=7, batch_size=3, fixed_views=0, seed=5), 9)
    assert take(EndlessBatches(num_frames=7, batch_size=3, fixed_views=0, seed=5, first_step=4), 5) == whole[4:]


def test_two_processes_see_what_one_with_the_double_batch_sees():
    one = take(EndlessBatches(num_frames=10, batch_size=4, fixed_views=0, seed=1), 5)
    two = [take(EndlessBatches(10, 2, 0, seed=1, rank=rank, world_size=2), 5) for rank in range(2)]
    assert [first + second for first, second in zip(*two, strict=True)] == one
