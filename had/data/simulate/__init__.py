"""Recordings made here: a rendered scene, or a real video with boxes, seen by an event camera and a frame camera."""
