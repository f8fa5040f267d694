"""The compiled twin of the cloud whose tasks are split over shared QPUs."""
