"""The released terms by name, and the untrained modules that some of them need.

They are kept apart from `had.losses.objective` because they read the teacher's whole output, not the `Lesson` that is
cut to the student.
"""

from __future__ import annotations

from torch import Tensor, nn

from had.errors import ConfigError
from had.losses.otkd import PooledFeatures, attended_differences, correlation_loss
from had.losses.released import (
    TokenSummaries,
    halved_response_loss,
    response_transport,
    tiled_feature_loss,
    tiled_similarity_loss,
)
from had.losses.wkd import GaussianFeatures, point_transport_cost
from had.structures import Features, Prediction, Whole

UNTRAINED = {"released_temporal": TokenSummaries, "wkd_features": GaussianFeatures, "otkd_features": PooledFeatures}
"""Terms with random weights that stay as they are; they are part of the training state."""


class ReleasedTerms(nn.Module):
    """Values of the released terms that are on.

    Args:
        terms: of `had.options.training.RELEASED_TERMS`.
        dim: token width D of student and teacher.
    """

    def __init__(self, terms: tuple[str, ...], *, dim: int):
        super().__init__()
        self.terms = terms
        self.untrained = nn.ModuleDict({term: UNTRAINED[term](dim=dim) for term in terms if term in UNTRAINED})

    def forward(self, prediction: Prediction, features: Features, whole: Whole) -> dict[str, Tensor]:
        """One scalar a term, unweighted; no gradient reaches the teacher.

        Args:
            prediction, features: the student's.
            whole: the teacher's.
        """
        return {term: self._value(term, prediction, features, whole) for term in self.terms}

    def diagnostics(self, features: Features, whole: Whole) -> dict[str, Tensor]:
        """What the released code reports beside the terms, without any gradient."""
        found = {}
        if "wkd_features" in self.terms:
            found["wkd_logits"] = point_transport_cost(whole.response)
        if "otkd_features" in self.terms:
            found["otkd_channels"], found["otkd_places"] = attended_differences(features.tokens, whole.tokens)
        return found

    def _value(self, term: str, prediction: Prediction, features: Features, whole: Whole) -> Tensor:
        if term == "released_similarity":
            assert features.attention is not None, "the networks were run with need_attention=True"
            assert whole.attention is not None, "the networks were run with need_attention=True"
            return tiled_similarity_loss(features.attention, whole.attention)
        if term == "released_feature":
            return tiled_feature_loss(features.tokens, whole.tokens)
        if term == "released_response":
            return halved_response_loss(prediction.response, whole.response)
        if term == "released_spatial":
            return response_transport(prediction.response, whole.response)
        if term == "otkd_boxes":
            return correlation_loss(prediction.boxes, whole.boxes)
        if term == "otkd_scores":
            return correlation_loss(prediction.response.flatten(1), whole.response.flatten(1))
        if term == "wkd_features":
            return self.untrained[term](features.tokens, whole.tokens, whole.response)
        if term in self.untrained:
            return self.untrained[term](features.tokens, whole.tokens)
        raise ConfigError(f"code of the term {term!r}", "none in had/losses/released_terms.py", "add it, or remove it")
