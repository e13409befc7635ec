from tinygen import boards
from tinygen.firmware.copies import NONE, Symbol, choose

KIB = 1024
F746 = boards.load_board("nucleo_f746zg")
L4R5 = boards.load_board("nucleo_l4r5zi")


def function(name, nbytes, reads):
    return Symbol(name, "function", 0, nbytes, reads)


def constant(name, nbytes, reads):
    return Symbol(name, "constant", 0, nbytes, reads)


def names(copies):
    return {region: [s.name for s in symbols] for region, symbols in copies.regions.items()}


def test_all_that_is_read_is_copied_where_there_is_room():
    symbols = [function("f", 900, 10_000), constant("w", 8 * KIB, 8_000), constant("never", 16, 0)]
    assert names(choose(L4R5, 1000, symbols)) == {"sram1": ["w"], "sram2": ["f"]}


def test_what_is_read_most_often_per_byte_goes_first():
    symbols = [
        function("rare", 9 * KIB, 10_000),
        function("hot", 9 * KIB, 90_000),
        function("small", 2 * KIB, 1),
    ]
    assert names(choose(F746, 1000, symbols)) == {"itcm": ["hot", "small"]}


def test_constants_go_to_the_ram_that_answers_soonest():
    """SRAM of the F746 is behind the cache, as its flash is, but answers sooner than that."""
    symbols = [constant("b", 40 * KIB, 39_000), constant("a", 40 * KIB, 40_000)]
    assert names(choose(F746, 1000, symbols)) == {"dtcm": ["a"], "sram": ["b"]}


def test_ram_that_answers_no_sooner_than_flash_is_of_no_use():
    access = F746.flash.access
    memory = tuple(
        region.model_copy(update={"access": access}) if region.name == "sram" else region
        for region in F746.memory
    )
    board = F746.model_copy(update={"memory": memory})
    symbols = [constant("b", 40 * KIB, 39_000), constant("a", 40 * KIB, 40_000)]
    assert names(choose(board, 1000, symbols)) == {"dtcm": ["a"]}


def test_the_arena_comes_first():
    assert choose(F746, 50 * KIB, [constant("w", 8 * KIB, 8_000)], max_ram=50 * KIB) == NONE
    (region,) = choose(F746, 50 * KIB, [constant("w", 8 * KIB, 8_000)]).regions
    assert region == "sram"


def test_a_limit_of_ram_holds_for_arena_and_copies_together():
    symbols = [constant("w", 4 * KIB, 8_000), function("f", 1 * KIB, 100)]
    assert names(choose(L4R5, 1000, symbols, max_ram=1000 + 5 * KIB)) == {
        "sram1": ["w"],
        "sram2": ["f"],
    }
    assert names(choose(L4R5, 1000, symbols, max_ram=999 + 5 * KIB)) == {"sram1": ["w"]}
    assert choose(L4R5, 1000, symbols, max_ram=1000) == NONE


def test_nothing_is_copied_where_flash_is_as_fast_as_the_core():
    board = boards.load_board("mps2_an386")
    assert choose(board, 1000, [constant("w", 100, 100), function("f", 100, 100)]) == NONE


def test_inputs_can_be_kept_between_inferences():
    """They are part of the arena, and saved in the memory that has most left."""
    room = sum(region.bytes for region in L4R5.ram if region.name == "sram3")
    arena = 100 * KIB
    symbols = [constant("w", room - arena + 8, 1)]
    assert choose(L4R5, arena, symbols) == NONE
    fits = [constant("w", room - arena, 1)]
    assert names(choose(L4R5, arena, fits)) == {"sram3": ["w"]}
