# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Orthogonal matrices that give every coordinate the same variance: Hadamard where one is known, else Schur-Horn."""

import torch


def hadamard(size: int) -> torch.Tensor | None:
    """An orthonormal Hadamard matrix [size, size] in float64 (entries +-size^-1/2), or None where none is built.

    Combines Sylvester doubling with both constructions of Paley (1933), which covers the widths of common encoders.
    """
    matrix = signs(size)
    return None if matrix is None else matrix / size**0.5


def signs(size: int) -> torch.Tensor | None:
    """Hadamard matrix of +-1."""
    if size == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    if size == 2:
        return torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    if size % 4:
        return None
    if is_prime(size - 1) and (size - 1) % 4 == 3:
        return paley_first(size - 1)
    if is_prime(size // 2 - 1) and (size // 2 - 1) % 4 == 1:
        return paley_second(size // 2 - 1)
    half = signs(size // 2)
    return None if half is None else torch.kron(signs(2), half)


def paley_first(prime: int) -> torch.Tensor:
    """Order q + 1 for a prime q = 3 mod 4: I + S with S skew."""
    core = jacobsthal(prime)
    matrix = torch.zeros(prime + 1, prime + 1, dtype=torch.float64)
    matrix[0, 1:], matrix[1:, 0], matrix[1:, 1:] = 1, -1, core
    return matrix + torch.eye(prime + 1, dtype=torch.float64)


def paley_second(prime: int) -> torch.Tensor:
    """Order 2(q + 1) for a prime q = 1 mod 4: C (x) [[1, 1], [1, -1]] + I (x) [[1, -1], [-1, -1]]."""
    conference = torch.zeros(prime + 1, prime + 1, dtype=torch.float64)
    conference[0, 1:], conference[1:, 0], conference[1:, 1:] = 1, 1, jacobsthal(prime)
    diagonal = torch.tensor([[1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
    return torch.kron(conference, signs(2)) + torch.kron(torch.eye(prime + 1, dtype=torch.float64), diagonal)


def jacobsthal(prime: int) -> torch.Tensor:
    """Quadratic character of i - j modulo a prime: [prime, prime] of -1, 0, 1."""
    character = -torch.ones(prime, dtype=torch.float64)
    character[(torch.arange(prime) ** 2) % prime] = 1
    character[0] = 0
    index = torch.arange(prime)
    return character[(index[:, None] - index[None, :]) % prime]


def is_prime(number: int) -> bool:
    """Whether a small number is prime, by trial division."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def schur_horn(spectrum: torch.Tensor) -> torch.Tensor:
    """Rotation Q [C, C] such that the diagonal of `Q diag(spectrum) Q^T` is constant, by at most C - 1 Givens turns.

    Each turn takes the largest and the smallest diagonal entry that are not yet at the mean m, and solves
    `(b - m) t^2 - 2 c t + (a - m) = 0` for the tangent of the angle that brings the first of them to m.

    Args:
        spectrum: Eigenvalues [C], float64.
    """
    size, mean = len(spectrum), spectrum.mean()
    matrix, rotation = torch.diag(spectrum), torch.eye(size, dtype=torch.float64)
    open_entries = torch.ones(size, dtype=torch.bool)
    for _ in range(size - 1):
        diagonal = matrix.diagonal()
        first = torch.where(open_entries, diagonal, -torch.inf).argmax()
        second = torch.where(open_entries, diagonal, torch.inf).argmin()
        if first == second or diagonal[first] - mean <= 1e-14 * mean.abs():
            break
        a, b, c = diagonal[first] - mean, diagonal[second] - mean, matrix[first, second]
        tangent = (c - torch.sqrt(c * c - a * b)) / b  # a >= 0 >= b: a real root
        cosine = 1 / torch.sqrt(1 + tangent * tangent)
        turn = torch.stack([torch.stack([cosine, -tangent * cosine]), torch.stack([tangent * cosine, cosine])])
        pair = torch.stack([first, second])
        matrix[pair] = turn @ matrix[pair]
        matrix[:, pair] = matrix[:, pair] @ turn.T
        rotation[pair] = turn @ rotation[pair]
        open_entries[first] = False
    return rotation
