"""Reading children of matched cells equals reading all children, where all parents are matches."""

from __future__ import annotations

import torch

from seem_model.compact.child_cells import CellMemory, Matches, read_children

PARENTS, CELLS, CHANNELS, OBJECTS = 3, 5, 6, 2


def made(seed: int = 0) -> tuple[torch.Tensor, CellMemory]:
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(1, PARENTS, 4, CHANNELS, generator=generator)
    keys = torch.randn(1, CELLS, 4, CHANNELS, generator=generator)
    masks = torch.rand(1, OBJECTS, CELLS, 4, generator=generator)
    return query, CellMemory(keys, masks, torch.ones(1, OBJECTS, CELLS))


def everywhere() -> Matches:
    return Matches(torch.arange(CELLS).expand(1, PARENTS, -1), torch.zeros(1, PARENTS, CELLS))


def test_all_cells_as_matches_are_plain_attention() -> None:
    query, memory = made()
    read, weights = read_children(query, memory, everywhere(), torch.zeros(1, OBJECTS, PARENTS))
    logits = query.flatten(1, 2) @ memory.keys.flatten(1, 2).transpose(1, 2)
    expected = memory.masks.flatten(2) @ logits.softmax(2).transpose(1, 2)
    torch.testing.assert_close(read.flatten(2), expected)
    torch.testing.assert_close(weights.flatten(1, 2), logits.softmax(2))


def test_only_matches_are_looked_into() -> None:
    query, memory = made()
    matches = Matches(torch.tensor([[[0, 2], [1, 3], [4, 0]]]), torch.zeros(1, PARENTS, 2))
    read, _ = read_children(query, memory, matches, torch.zeros(1, OBJECTS, PARENTS))
    memory.keys[:, 1], memory.masks[:, :, 1] = 9.0, 0.5
    again, _ = read_children(query, memory, matches, torch.zeros(1, OBJECTS, PARENTS))
    torch.testing.assert_close(again[:, :, [0, 2]], read[:, :, [0, 2]])
    assert not torch.allclose(again[:, :, 1], read[:, :, 1])


def test_an_object_that_may_not_be_read_takes_its_parents_answer() -> None:
    query, memory = made()
    memory.valid[:, 1] = 0
    fallback = torch.rand(1, OBJECTS, PARENTS, generator=torch.Generator().manual_seed(1))
    read, _ = read_children(query, memory, everywhere(), fallback)
    torch.testing.assert_close(read[:, 1], fallback[:, 1, :, None].expand(-1, -1, 4))
    assert not torch.allclose(read[:, 0], fallback[:, 0, :, None].expand(-1, -1, 4))


def test_the_best_children_are_the_matches_of_the_next_level() -> None:
    query, memory = made()
    matches = Matches(torch.tensor([[[0, 2], [1, 3], [4, 0]]]), torch.zeros(1, PARENTS, 2))
    _, weights = read_children(query, memory, matches, torch.zeros(1, OBJECTS, PARENTS))
    finer = matches.best_children(weights, 3, torch.tensor(1.0))
    assert finer.cells.shape == (1, PARENTS * 4, 3)
    for parent in range(PARENTS):
        for child in range(4):
            order = weights[0, parent, child].argsort(descending=True)[:3]
            expected = [int(matches.cells[0, parent, i // 4]) * 4 + int(i) % 4 for i in order]
            assert finer.cells[0, parent * 4 + child].tolist() == expected
            torch.testing.assert_close(finer.bias[0, parent * 4 + child].exp(), weights[0, parent, child, order])
