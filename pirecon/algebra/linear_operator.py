"""Linear operators as data: forward, adjoint, normal, and composition with ``@``."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

Shape = tuple[int, ...]


class LinearOperator(ABC):
    """A linear map between tensors whose trailing axes have a fixed shape.

    ``A(x)`` applies the operator, ``A.H(y)`` its adjoint, ``A.N(x)`` the normal operator
    ``A.H(A(x))`` and ``A @ B`` composes. Leading axes beyond the trailing shape are batch axes.
    Subclasses implement ``_forward`` and ``_adjoint``, and ``_normal`` where it is cheaper than both.

    Args:
        domain_shape: trailing shape of the input.
        codomain_shape: trailing shape of the output.
    """

    def __init__(self, domain_shape: Shape, codomain_shape: Shape) -> None:
        self.domain_shape = tuple(int(n) for n in domain_shape)
        self.codomain_shape = tuple(int(n) for n in codomain_shape)

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor: ...

    @abstractmethod
    def _adjoint(self, y: Tensor) -> Tensor: ...

    def _normal(self, x: Tensor) -> Tensor:
        return self._adjoint(self._forward(x))

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the operator to ``x`` of shape ``(*batch, *domain_shape)``.

        Raises:
            ValueError: the trailing shape of ``x`` is not ``domain_shape``.
        """
        self._check(x, self.domain_shape, "input")
        return self._forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the adjoint to ``y`` of shape ``(*batch, *codomain_shape)``.

        Raises:
            ValueError: the trailing shape of ``y`` is not ``codomain_shape``.
        """
        self._check(y, self.codomain_shape, "adjoint's input")
        return self._adjoint(y)

    def normal(self, x: Tensor) -> Tensor:
        """Apply ``A.H A`` to ``x`` of shape ``(*batch, *domain_shape)``.

        Raises:
            ValueError: the trailing shape of ``x`` is not ``domain_shape``.
        """
        self._check(x, self.domain_shape, "normal operator's input")
        return self._normal(x)

    @property
    def H(self) -> LinearOperator:
        """The adjoint operator."""
        return _Adjoint(self)

    @property
    def N(self) -> LinearOperator:
        """The normal operator ``A.H A``."""
        return _Normal(self)

    def __matmul__(self, other: LinearOperator) -> LinearOperator:
        if not isinstance(other, LinearOperator):
            return NotImplemented
        return Composition(self, other)

    def _check(self, x: Tensor, shape: Shape, what: str) -> None:
        if tuple(x.shape[x.ndim - len(shape) :]) != shape or x.ndim < len(shape):
            raise ValueError(
                f"{type(self).__name__}: the {what} has shape {tuple(x.shape)}, but its trailing axes must be {shape}; "
                "batch axes may only stand before them"
            )


class Composition(LinearOperator):
    """``outer @ inner``: apply ``inner`` first.

    Raises:
        ValueError: the inner codomain is not the outer domain.
    """

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if outer.domain_shape != inner.codomain_shape:
            raise ValueError(
                f"cannot compose {type(outer).__name__} @ {type(inner).__name__}: "
                f"the first takes {outer.domain_shape}, the second gives {inner.codomain_shape}"
            )
        super().__init__(inner.domain_shape, outer.codomain_shape)
        self.outer, self.inner = outer, inner

    def _forward(self, x: Tensor) -> Tensor:
        return self.outer.forward(self.inner.forward(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))

    def _normal(self, x: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.normal(self.inner.forward(x)))


class _Adjoint(LinearOperator):
    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.codomain_shape, operator.domain_shape)
        self.operator = operator

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator.adjoint(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.forward(y)

    @property
    def H(self) -> LinearOperator:
        return self.operator


class _Normal(LinearOperator):
    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.domain_shape, operator.domain_shape)
        self.operator = operator

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator.normal(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.normal(y)
