"""What every experiment's picture has around it."""

import pytest

from loadgen.experiments.plot_experiments import empty_figure, rendered


@pytest.mark.parametrize("on_mock", [True, False])
def test_words_of_any_length_stay_on_the_picture(on_mock: bool) -> None:
    """A search's answer and the list of a best combination's settings are longer than the picture is wide: they are
    wrapped, above and below the axes, and nothing of them is lost.
    """
    figure = empty_figure(3.8)
    figure.add_subplot()
    heading = " ".join(f"setting.{number}=value" for number in range(20))
    caption = " ".join(f"word{number}" for number in range(80))

    svg = rendered(figure, "p", heading, caption, "alt", on_mock=on_mock).svg.decode()

    figure.canvas.draw()  # at its own resolution again, after the PNG's
    for text in (figure._suptitle, figure._supxlabel):
        within = text.get_window_extent()
        assert figure.bbox.x0 <= within.x0 and within.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= within.y0 and within.y1 <= figure.bbox.y1
    assert all(word in svg for word in [*heading.split(), *caption.split()])
    assert ("MOCK" in svg) is on_mock
