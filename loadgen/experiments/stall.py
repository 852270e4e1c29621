"""What a stall must show, by arithmetic: the closed form that an instrument is held against.

Events fall due evenly over T seconds; the broker answers nothing for S of them, then everything at once. An event due at
time u into the stall waits S − u, plus the usual time b. So the share of events that wait longer than x is
(S + b − x) ÷ T for x between b and S + b, and the q-quantile is S + b − (1 − q) · T where that is above b.
Valid where the cluster's capacity is far above the rate: what piled up leaves at once.
"""


def quantile_s(share: float, *, stall_s: float, length_s: float, base_s: float) -> float:
    """The response time below which a share of the events lies, s.

    Args:
        share: 0 … 1; 1 is the maximum.
        stall_s: how long nothing was answered.
        length_s: of the measured phase.
        base_s: the usual response, such as the median without a stall.
    """
    return max(stall_s + base_s - (1 - share) * length_s, base_s)
