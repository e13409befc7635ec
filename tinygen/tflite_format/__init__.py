"""The .tflite file format: structure check, option tables, writer."""
